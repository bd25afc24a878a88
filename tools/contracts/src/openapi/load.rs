//! Strict reading of OpenAPI documents: what could be misread is an error, never a clean result.

use std::collections::HashMap;

use serde_json::Value;

use crate::document::{Document, Loc};
use crate::error::{Error, Result};
use crate::schema::check;

pub(super) const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Checks that the document is OpenAPI 3.x of which every part can be compared.
pub(crate) fn check(document: &Document) -> Result<()> {
    let checker = Checker { document };
    let root = document.root();
    checker.is_object(&root, "an OpenAPI document")?;
    match root.text("openapi") {
        Some(version) if version.starts_with("3.") => {}
        Some(other) => checker.fail(
            "/openapi",
            &format!("version {other} is not supported, 3.x is"),
        )?,
        None => checker.fail("", "there is no `openapi`: not an OpenAPI 3.x document")?,
    }
    let info = root.get("info");
    for key in ["title", "version"] {
        if info.as_ref().and_then(|i| i.text(key)).is_none() {
            checker.fail("/info", &format!("there is no `{key}`"))?;
        }
    }
    if ["paths", "webhooks", "components"]
        .iter()
        .all(|k| root.get(k).is_none())
    {
        checker.fail("", "there is none of `paths`, `webhooks`, `components`")?;
    }
    checker.components(&root)?;
    for section in ["paths", "webhooks"] {
        checker.section(&root, section)?;
        let mut templates = HashMap::new();
        for (path, item) in root.members(section) {
            if let Some(other) = templates.insert(super::template(path), path) {
                checker.fail(&item.pointer, &format!("it is the same path as `{other}`"))?;
            }
            if section == "paths" && !path.starts_with('/') {
                checker.fail(&item.pointer, "a path starts with `/`")?;
            }
            checker.path_item(&item)?;
        }
    }
    checker.security(&root)?;
    checker.unique_operation_ids(&root)
}

struct Checker<'a> {
    document: &'a Document,
}

impl<'a> Checker<'a> {
    fn fail(&self, pointer: &str, problem: &str) -> Result<()> {
        Err(Error::malformed(&self.document.name, pointer, problem))
    }

    fn is_object(&self, loc: &Loc<'_>, what: &str) -> Result<()> {
        if loc.value.is_object() {
            return Ok(());
        }
        self.fail(&loc.pointer, &format!("{what} is an object"))
    }

    /// That a member, if present, is an object.
    fn section(&self, loc: &Loc<'a>, key: &str) -> Result<()> {
        loc.get(key)
            .map_or(Ok(()), |s| self.is_object(&s, &format!("`{key}`")))
    }

    fn list(&self, loc: &Loc<'a>, key: &str) -> Result<()> {
        match loc.get(key) {
            Some(list) if !list.value.is_array() => {
                self.fail(&list.pointer, &format!("`{key}` is a list"))
            }
            _ => Ok(()),
        }
    }

    /// The place, or what its `$ref` leads to.
    fn resolved(&self, loc: &Loc<'a>, what: &str) -> Result<Loc<'a>> {
        let mut at = loc.clone();
        for _ in 0..32 {
            self.is_object(&at, what)?;
            let Some(next) = check::reference(self.document, &at)? else {
                return Ok(at);
            };
            at = next;
        }
        self.fail(&loc.pointer, "`$ref` runs in a circle")?;
        Ok(at)
    }

    fn components(&self, root: &Loc<'a>) -> Result<()> {
        self.section(root, "components")?;
        let Some(components) = root.get("components") else {
            return Ok(());
        };
        for (_, section) in root.members("components") {
            self.is_object(&section, "a section of components")?;
        }
        for (_, schema) in components.members("schemas") {
            check::schema(self.document, &schema)?;
        }
        for (_, parameter) in components.members("parameters") {
            self.parameter(&parameter)?;
        }
        for (_, body) in components.members("requestBodies") {
            self.body(&body)?;
        }
        for (_, response) in components.members("responses") {
            self.response(&response)?;
        }
        for (_, header) in components.members("headers") {
            self.header(&header)?;
        }
        for (_, scheme) in components.members("securitySchemes") {
            let scheme = self.resolved(&scheme, "a security scheme")?;
            if scheme.text("type").is_none() {
                self.fail(&scheme.pointer, "a security scheme has a `type`")?;
            }
        }
        Ok(())
    }

    fn path_item(&self, item: &Loc<'a>) -> Result<()> {
        let item = self.resolved(item, "a path")?;
        self.parameters(&item)?;
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                self.operation(&operation)?;
            }
        }
        Ok(())
    }

    fn operation(&self, operation: &Loc<'a>) -> Result<()> {
        self.is_object(operation, "an operation")?;
        self.parameters(operation)?;
        self.list(operation, "tags")?;
        self.security(operation)?;
        if let Some(body) = operation.get("requestBody") {
            self.body(&body)?;
        }
        self.section(operation, "responses")?;
        for (status, response) in operation.members("responses") {
            if !is_status(status) && !status.starts_with("x-") {
                self.fail(
                    &response.pointer,
                    "not a status, a class such as 4XX, or `default`",
                )?;
            }
            self.response(&response)?;
        }
        self.section(operation, "callbacks")?;
        for (_, callback) in operation.members("callbacks") {
            let callback = self.resolved(&callback, "a callback")?;
            let items = callback.value.as_object().into_iter().flatten();
            for (name, _) in items.filter(|(n, _)| !n.starts_with("x-")) {
                callback
                    .get(name)
                    .map_or(Ok(()), |item| self.path_item(&item))?;
            }
        }
        Ok(())
    }

    fn parameters(&self, loc: &Loc<'a>) -> Result<()> {
        self.list(loc, "parameters")?;
        loc.items("parameters").try_for_each(|p| self.parameter(&p))
    }

    fn parameter(&self, parameter: &Loc<'a>) -> Result<()> {
        let parameter = self.resolved(parameter, "a parameter")?;
        if parameter.text("name").is_none() {
            self.fail(&parameter.pointer, "a parameter has a `name`")?;
        }
        match parameter.text("in") {
            Some("query" | "header" | "cookie") => {}
            Some("path") if parameter.flag("required") => {}
            Some("path") => self.fail(&parameter.pointer, "a parameter of the path is required")?,
            _ => self.fail(&parameter.pointer, "`in` is query, header, path or cookie")?,
        }
        self.schema_or_content(&parameter)
    }

    fn header(&self, header: &Loc<'a>) -> Result<()> {
        let header = self.resolved(header, "a header")?;
        self.schema_or_content(&header)
    }

    fn schema_or_content(&self, loc: &Loc<'a>) -> Result<()> {
        match (loc.get("schema"), loc.get("content")) {
            (Some(schema), None) => check::schema(self.document, &schema),
            (None, Some(_)) => self.content(loc),
            _ => self.fail(&loc.pointer, "there is one of `schema` and `content`"),
        }
    }

    fn body(&self, body: &Loc<'a>) -> Result<()> {
        let body = self.resolved(body, "a body")?;
        if body.get("content").is_none() {
            self.fail(&body.pointer, "a body has `content`")?;
        }
        self.content(&body)
    }

    fn response(&self, response: &Loc<'a>) -> Result<()> {
        let response = self.resolved(response, "a response")?;
        for (_, header) in response.members("headers") {
            self.header(&header)?;
        }
        self.content(&response)
    }

    fn content(&self, loc: &Loc<'a>) -> Result<()> {
        self.section(loc, "content")?;
        for (_, media) in loc.members("content") {
            self.is_object(&media, "a media type")?;
            if let Some(schema) = media.get("schema") {
                check::schema(self.document, &schema)?;
            }
        }
        Ok(())
    }

    fn security(&self, loc: &Loc<'a>) -> Result<()> {
        self.list(loc, "security")?;
        for requirement in loc.items("security") {
            self.is_object(&requirement, "a security requirement")?;
            for scheme in requirement
                .value
                .as_object()
                .into_iter()
                .flat_map(|o| o.keys())
            {
                let at = format!(
                    "/components/securitySchemes/{}",
                    crate::document::escaped(scheme)
                );
                if self.document.value.pointer(&at).is_none() {
                    self.fail(
                        &requirement.pointer,
                        &format!("there is no security scheme `{scheme}`"),
                    )?;
                }
            }
        }
        Ok(())
    }

    fn unique_operation_ids(&self, root: &Loc<'a>) -> Result<()> {
        let mut seen: HashMap<&str, String> = HashMap::new();
        for (_, item) in root.members("paths").chain(root.members("webhooks")) {
            for operation in METHODS.iter().filter_map(|m| item.get(m)) {
                let Some(id) = operation.get("operationId") else {
                    continue;
                };
                let Value::String(text) = id.value else {
                    return self.fail(&id.pointer, "`operationId` is a text");
                };
                if let Some(other) = seen.insert(text, operation.pointer.clone()) {
                    return self.fail(&id.pointer, &format!("`{text}` is also the id of {other}"));
                }
            }
        }
        Ok(())
    }
}

fn is_status(text: &str) -> bool {
    let class = matches!(text.as_bytes(), [b'1'..=b'5', b'X', b'X']);
    let plain =
        matches!(text.as_bytes(), [b'1'..=b'5', a, b] if a.is_ascii_digit() && b.is_ascii_digit());
    class || plain || text == "default"
}
