//! Makes one API description out of the services' own.
//!
//! Paths cannot clash, as each service has its own prefix. Schemas of the same
//! name and content (problem details, money, pages) become one; one that
//! differs is renamed to `<service>.<name>`, and its references with it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

const CODES: &str = "x-error-codes";
const SCHEMAS: &str = "#/components/schemas/";

/// The merged document; `parts` are pairs of service name and its document.
pub(crate) fn merge(version: &str, parts: Vec<(String, Value)>) -> Value {
    let mut paths = Map::new();
    let mut components: Map<String, Value> = Map::new();
    let mut tags: Vec<Value> = Vec::new();
    let mut seen_tags = BTreeSet::new();
    let mut codes: Vec<Value> = Vec::new();
    for (service, mut document) in parts {
        rename_clashes(&service, &components, &mut document);
        take_object(&mut document, "paths", |name, item| {
            paths.entry(name).or_insert(item);
        });
        if let Some(Value::Object(sections)) = document.get_mut("components").map(Value::take) {
            for (section, entries) in sections {
                let into = components.entry(section).or_insert_with(|| json!({}));
                if let (Value::Object(into), Value::Object(entries)) = (into, entries) {
                    into.extend(entries);
                }
            }
        }
        if let Some(Value::Array(list)) =
            document.pointer_mut("/info/x-error-codes").map(Value::take)
        {
            codes.extend(list);
        }
        if let Some(Value::Array(list)) = document.get_mut("tags").map(Value::take) {
            tags.extend(
                list.into_iter()
                    .filter(|tag| seen_tags.insert(tag["name"].to_string())),
            );
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Shoal platform",
            "version": version,
            "description": "Every public operation, as the services describe it.",
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
            CODES: without_repetitions(codes),
        },
        "servers": [{ "url": "/", "description": "This gateway." }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// The catalogues of all services, each code once.
fn without_repetitions(codes: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut first = |code: &Value| seen.insert(code["code"].to_string());
    codes.into_iter().filter(|code| first(code)).collect()
}

fn take_object(document: &mut Value, key: &str, mut each: impl FnMut(String, Value)) {
    if let Some(Value::Object(map)) = document.get_mut(key).map(Value::take) {
        for (name, value) in map {
            each(name, value);
        }
    }
}

fn rename_clashes(service: &str, known: &Map<String, Value>, document: &mut Value) {
    let known = known.get("schemas").and_then(Value::as_object);
    let Some(known) = known else { return };
    let Some(own) = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
    else {
        return;
    };
    let mut clashes: BTreeSet<String> = own
        .iter()
        .filter(|(name, schema)| known.get(*name).is_some_and(|other| other != *schema))
        .map(|(name, _)| name.clone())
        .collect();
    // What refers to a schema that differs differs too, however alike its text.
    loop {
        let more: Vec<String> = own
            .iter()
            .filter(|(name, schema)| !clashes.contains(*name) && refers_to(schema, &clashes))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        clashes.extend(more);
    }
    if clashes.is_empty() {
        return;
    }
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        for name in &clashes {
            if let Some(schema) = schemas.remove(name) {
                schemas.insert(format!("{service}.{name}"), schema);
            }
        }
    }
    rewrite_references(document, &|reference| {
        let name = reference.strip_prefix(SCHEMAS)?;
        clashes
            .contains(name)
            .then(|| format!("{SCHEMAS}{service}.{name}"))
    });
}

fn refers_to(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => text
            .strip_prefix(SCHEMAS)
            .is_some_and(|name| names.contains(name)),
        Value::Array(list) => list.iter().any(|value| refers_to(value, names)),
        Value::Object(map) => map.values().any(|value| refers_to(value, names)),
        _ => false,
    }
}

fn rewrite_references(value: &mut Value, rename: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            // `$ref`, and the targets of a discriminator's mapping.
            if let Some(renamed) = rename(text) {
                *text = renamed;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|v| rewrite_references(v, rename)),
        Value::Object(map) => map.values_mut().for_each(|v| rewrite_references(v, rename)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, view: &str) -> Value {
        json!({
            "paths": { path: { "get": { "responses": { "200": {
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/View" } } }
            } } } } },
            "tags": [{ "name": "shared" }],
            "info": { "x-error-codes": [{ "code": "common.internal" }, { "code": path }] },
            "components": { "schemas": {
                "View": { "type": view },
                "Problem": { "type": "object" },
            } },
        })
    }

    #[test]
    fn what_is_alike_becomes_one_and_what_differs_keeps_its_meaning() {
        let merged = merge(
            "1.0.0",
            vec![
                ("a".into(), document("/a/v1/x", "object")),
                ("b".into(), document("/b/v1/x", "string")),
            ],
        );
        let schemas = merged["components"]["schemas"].as_object().unwrap();
        assert_eq!(
            schemas.keys().collect::<Vec<_>>(),
            ["Problem", "View", "b.View"]
        );
        let reference = merged
            .pointer("/paths/~1b~1v1~1x/get/responses/200/content/application~1json/schema/$ref");
        assert_eq!(reference.unwrap(), "#/components/schemas/b.View");
        assert_eq!(schemas["b.View"]["type"], "string");
        assert_eq!(merged["tags"].as_array().unwrap().len(), 1);
        let codes = merged["info"]["x-error-codes"].as_array().unwrap();
        let codes: Vec<_> = codes.iter().map(|entry| &entry["code"]).collect();
        assert_eq!(codes, ["common.internal", "/a/v1/x", "/b/v1/x"]);
    }

    #[test]
    fn what_refers_to_something_else_is_not_alike() {
        let with_list = |path: &str, view: &str| {
            let mut document = document(path, view);
            let list = json!({ "items": { "$ref": "#/components/schemas/View" } });
            document["components"]["schemas"]["List"] = list;
            document
        };
        let (a, b) = (
            with_list("/a/v1/x", "object"),
            with_list("/b/v1/x", "string"),
        );
        let merged = merge("1.0.0", vec![("a".into(), a), ("b".into(), b)]);
        let schemas = &merged["components"]["schemas"];
        let reference = |name: &str| &schemas[name]["items"]["$ref"];
        assert_eq!(reference("List"), "#/components/schemas/View");
        assert_eq!(reference("b.List"), "#/components/schemas/b.View");
    }

    #[test]
    fn a_document_without_components_does_no_harm() {
        let merged = merge("1", vec![("a".into(), json!({ "paths": { "/x": {} } }))]);
        assert!(merged["paths"].get("/x").is_some());
    }
}
