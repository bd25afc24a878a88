//! Examples of whole bodies, put together from the examples of their fields, so
//! that teams write each once and where it belongs.

use serde_json::{Map, Value};
use utoipa::openapi::{Content, OpenApi, RefOr};

use super::operations;

/// Deepest nesting that is followed; beyond it a schema refers to itself.
const DEPTH: usize = 16;
/// A moment, for numbers that are times: 2025-11-24 16:00 UTC in milliseconds.
const MOMENT_MS: i64 = 1_764_000_000_000;

/// Gives each request body and each success an example unless it has one. What
/// lacks the example of a field stays without.
pub(super) fn complete(document: &mut OpenApi) {
    let schemas = schemas(document);
    for (_, operation) in operations::all(document) {
        let body = operation.request_body.iter_mut().filter_map(inline);
        let successes = operation.responses.responses.iter_mut();
        let successes = successes
            .filter(|(status, _)| status.starts_with('2'))
            .filter_map(|(_, response)| inline(response));
        let contents = body
            .flat_map(|body| body.content.values_mut())
            .chain(successes.flat_map(|response| response.content.values_mut()));
        for content in contents.filter_map(inline) {
            if content.example.is_none() && content.examples.is_empty() {
                content.example = compose(content, &schemas).ok();
            }
        }
    }
}

/// The schemas of a document by name, as JSON.
pub(super) fn schemas(document: &OpenApi) -> Value {
    let components = document.components.as_ref();
    let schemas = components.map(|components| &components.schemas);
    // Schemas hold nothing that JSON cannot.
    serde_json::to_value(schemas).unwrap_or_default()
}

/// An example of a body, or which field has none.
pub(super) fn compose(content: &Content, schemas: &Value) -> Result<Value, String> {
    let schema = serde_json::to_value(&content.schema).unwrap_or_default();
    Composer { schemas }.value(&schema, "", DEPTH)
}

fn inline<T>(value: &mut RefOr<T>) -> Option<&mut T> {
    match value {
        RefOr::T(value) => Some(value),
        RefOr::Ref(_) => None,
    }
}

struct Composer<'a> {
    schemas: &'a Value,
}

impl Composer<'_> {
    /// An example for a schema; `at` is the JSON pointer to it in the whole.
    fn value(&self, schema: &Value, at: &str, depth: usize) -> Result<Value, String> {
        let missing = || {
            Err(format!(
                "{} has no example",
                if at.is_empty() { "the body" } else { at }
            ))
        };
        let Some(depth) = depth.checked_sub(1) else {
            return missing();
        };
        if let Some(written) = written(schema) {
            return Ok(written);
        }
        if let Some(target) = schema["$ref"].as_str() {
            let name = target.rsplit('/').next().unwrap_or_default();
            return self.value(&self.schemas[name], at, depth);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.all_of(parts, at, depth);
        }
        let variants = schema["oneOf"]
            .as_array()
            .or_else(|| schema["anyOf"].as_array());
        if let Some(variants) = variants {
            let mut fitting = variants.iter().filter(|variant| variant["type"] != "null");
            return fitting
                .next()
                .map_or_else(missing, |variant| self.value(variant, at, depth));
        }
        match kind(schema) {
            "object" => self.object(schema, at, depth),
            "array" => Ok(vec![self.value(&schema["items"], &format!("{at}/0"), depth)?].into()),
            "boolean" => Ok(true.into()),
            "integer" | "number" => Ok(number(schema, at)),
            _ => missing(),
        }
    }

    fn object(&self, schema: &Value, at: &str, depth: usize) -> Result<Value, String> {
        let required = schema["required"].as_array();
        let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|n| n == name));
        let mut whole = Map::new();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            match self.value(field, &format!("{at}/{name}"), depth) {
                Ok(value) => {
                    whole.insert(name.clone(), value);
                }
                Err(_) if is_nullable(field) && is_required(name) => {
                    whole.insert(name.clone(), Value::Null);
                }
                Err(_) if is_nullable(field) => {}
                Err(missing) => return Err(missing),
            }
        }
        Ok(whole.into())
    }

    fn all_of(&self, parts: &[Value], at: &str, depth: usize) -> Result<Value, String> {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(fields) = self.value(part, at, depth)? {
                whole.extend(fields);
            }
        }
        Ok(whole.into())
    }
}

/// What the schema itself gives as an example.
fn written(schema: &Value) -> Option<Value> {
    let first = |list: &str| schema[list].as_array().and_then(|list| list.first());
    ["example", "const", "default"]
        .iter()
        .find_map(|key| schema.get(key))
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
        .cloned()
}

/// The type of a schema, without `null`.
fn kind(schema: &Value) -> &str {
    let types = schema["type"].as_array();
    let named = types.and_then(|types| types.iter().find(|name| *name != "null"));
    named
        .unwrap_or(&schema["type"])
        .as_str()
        .unwrap_or_default()
}

fn is_nullable(schema: &Value) -> bool {
    let variants = ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| schema[key].as_array())
        .flatten();
    let types = schema["type"].as_array().into_iter().flatten();
    types
        .chain(variants.map(|variant| &variant["type"]))
        .any(|name| name == "null")
}

fn number(schema: &Value, at: &str) -> Value {
    if at.ends_with("_at_ms") || at.ends_with("/at_ms") {
        return MOMENT_MS.into();
    }
    let least = schema["minimum"].as_i64().unwrap_or(1);
    least
        .max(1)
        .min(schema["maximum"].as_i64().unwrap_or(i64::MAX))
        .into()
}
