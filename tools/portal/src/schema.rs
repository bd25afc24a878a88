//! What people want to see of a JSON Schema: its fields, and an example.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::markdown;

/// Nesting at which an example ends; schemas may refer to themselves.
const DEPTH: usize = 8;

/// A row of the table of fields.
#[derive(Debug, Serialize)]
pub(crate) struct Field {
    /// `items[].price`.
    pub(crate) path: String,
    /// In words: `text (date-time)`, `list of texts`.
    pub(crate) kind: String,
    pub(crate) required: bool,
    /// HTML.
    pub(crate) about: String,
}

/// Which properties an example has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// What a sender has to send.
    Required,
    /// What a receiver may see.
    All,
}

/// A schema within the document that its references point into.
#[derive(Clone, Copy)]
pub(crate) struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    /// References point into this document.
    pub(crate) fn of(document: &'a Value) -> Self {
        Self { document }
    }

    /// The schema itself where this is a reference to one.
    pub(crate) fn resolve(self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH {
            let target = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
            match target.and_then(|pointer| self.document.pointer(pointer)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// A value that the schema allows, as far as keywords tell.
    pub(crate) fn example(self, schema: &'a Value, filling: Filling) -> Value {
        self.example_at(schema, filling, 0)
    }

    fn example_at(self, schema: &'a Value, filling: Filling, depth: usize) -> Value {
        for keyword in ["example", "const", "default"] {
            if let Some(value) = schema.get(keyword).filter(|value| !value.is_null()) {
                return value.clone();
            }
        }
        let listed = ["examples", "enum"];
        if let Some(first) = listed.iter().find_map(|keyword| schema[keyword].get(0)) {
            return first.clone();
        }
        if depth > DEPTH {
            return Value::Null;
        }
        if schema.get("$ref").is_some() {
            let target = self.resolve(schema);
            // A reference that leads nowhere is the contract gate's business.
            return match target.get("$ref") {
                Some(_) => Value::Null,
                None => self.example_at(target, filling, depth + 1),
            };
        }
        if let Some(all) = schema["allOf"].as_array() {
            return self.merged(all, filling, depth);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(options) = schema[keyword].as_array() {
                let real = options.iter().find(|option| option["type"] != "null");
                return real.map_or(Value::Null, |o| self.example_at(o, filling, depth + 1));
            }
        }
        match type_of(schema) {
            "object" => self.object(schema, filling, depth),
            "array" => match schema.get("items") {
                Some(items) => json!([self.example_at(items, filling, depth + 1)]),
                None => json!([]),
            },
            kind => scalar(kind, schema),
        }
    }

    fn merged(self, all: &'a [Value], filling: Filling, depth: usize) -> Value {
        let mut merged = Map::new();
        for part in all {
            match self.example_at(part, filling, depth + 1) {
                Value::Object(object) => merged.extend(object),
                other if all.len() == 1 => return other,
                _ => {}
            }
        }
        Value::Object(merged)
    }

    fn object(self, schema: &'a Value, filling: Filling, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if filling == Filling::All || is_required(schema, name) {
                object.insert(name.clone(), self.example_at(property, filling, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// Every field below a schema, nested ones with their path.
    pub(crate) fn fields(self, schema: &'a Value) -> Vec<Field> {
        let mut fields = Vec::new();
        self.collect(schema, "", 0, &mut fields);
        fields
    }

    fn collect(self, schema: &'a Value, prefix: &str, depth: usize, into: &mut Vec<Field>) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, prefix, depth, into);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let target = self.resolve(property);
            let about = property["description"]
                .as_str()
                .or_else(|| target["description"].as_str());
            let path = format!("{prefix}{name}");
            into.push(Field {
                kind: self.kind(property),
                required: is_required(schema, name),
                about: markdown::inline(about.unwrap_or_default()),
                path: path.clone(),
            });
            if depth < DEPTH {
                let (inner, path) = match target.get("items") {
                    Some(items) => (items, format!("{path}[].")),
                    None => (self.real(target), format!("{path}.")),
                };
                self.collect(inner, &path, depth + 3, into);
            }
        }
    }

    /// The option that is not null.
    fn real(self, schema: &'a Value) -> &'a Value {
        let options = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        let real = options.and_then(|all| all.iter().find(|option| option["type"] != "null"));
        real.unwrap_or(schema)
    }

    /// The type in words.
    fn kind(self, schema: &'a Value) -> String {
        let target = self.real(self.resolve(self.real(schema)));
        if let Some(values) = target["enum"].as_array() {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            return format!("one of {}", values.join(", "));
        }
        if let Some(only) = target.get("const") {
            return format!("always {only}");
        }
        match type_of(target) {
            "array" => match target.get("items") {
                Some(items) => format!("list of {}", self.kind(items)),
                None => "list".to_owned(),
            },
            "string" => match target["format"].as_str() {
                Some(format) => format!("text ({format})"),
                None => "text".to_owned(),
            },
            "boolean" => "true or false".to_owned(),
            other => other.to_owned(),
        }
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema["required"].as_array();
    required.is_some_and(|all| all.iter().any(|n| n == name))
}

/// The first type that is not null.
fn type_of(schema: &Value) -> &str {
    let single = schema["type"].as_str();
    let listed = || {
        let types = schema["type"].as_array()?.iter().filter_map(Value::as_str);
        types.into_iter().find(|name| *name != "null")
    };
    let guessed = if schema.get("properties").is_some() {
        "object"
    } else {
        "any value"
    };
    single.or_else(listed).unwrap_or(guessed)
}

fn scalar(kind: &str, schema: &Value) -> Value {
    match kind {
        "string" => Value::from(match schema["format"].as_str() {
            Some("date-time") => "2026-01-31T12:00:00Z",
            Some("date") => "2026-01-31",
            Some("email") => "ada@example.com",
            Some("uri") => "https://example.com/",
            Some("uuid") => "01890a5d-ac96-774b-bcce-b302099a8057",
            _ => "text",
        }),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn document() -> Value {
        json!({
            "components": { "schemas": {
                "Order": {
                    "type": "object",
                    "required": ["items"],
                    "properties": {
                        "items": { "type": "array", "items": { "$ref": "#/components/schemas/Line" } },
                        "note": { "type": ["string", "null"], "description": "For *people*." },
                        "parent": { "anyOf": [{ "$ref": "#/components/schemas/Order" }, { "type": "null" }] },
                    },
                },
                "Line": {
                    "type": "object",
                    "required": ["quantity"],
                    "properties": { "quantity": { "type": "integer", "minimum": 2 } },
                },
            } },
        })
    }

    #[test]
    fn an_example_holds_what_must_be_sent_and_ends_where_a_schema_refers_to_itself() {
        let document = document();
        let schemas = Schemas::of(&document);
        let order = json!({ "$ref": "#/components/schemas/Order" });
        let least = schemas.example(&order, Filling::Required);
        assert_eq!(least, json!({ "items": [{ "quantity": 2 }] }));
        let all = schemas.example(&order, Filling::All);
        assert_eq!(all["note"], "text");
        assert!(all["parent"]["parent"].is_object());
    }

    #[test]
    fn fields_name_their_path_their_type_and_whether_they_must_be_there() {
        let document = document();
        let schema = &document["components"]["schemas"]["Order"];
        let fields = Schemas::of(&document).fields(schema);
        let find = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
        assert!(find("items").required && !find("note").required);
        assert_eq!(find("items").kind, "list of object");
        assert_eq!(find("items[].quantity").kind, "integer");
        assert_eq!(find("note").about, "For <em>people</em>.");
    }
}
