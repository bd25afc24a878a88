//! Whether the examples of an OpenAPI document are what its schemas say.

use serde_json::{Map, Value, json};

/// What the examples of a document came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExampleReport {
    /// How many were compared with a schema.
    pub checked: usize,
    /// Those that do not fit, one sentence each with the place in the document.
    pub faults: Vec<String>,
}

/// Compares every example of the document with its schema: of bodies,
/// parameters, headers, schemas and their fields.
#[must_use]
pub fn check_examples(document: &Value) -> ExampleReport {
    let mut walk = Walk {
        document,
        report: ExampleReport::default(),
    };
    walk.value(document, "");
    walk.report
}

struct Walk<'a> {
    document: &'a Value,
    report: ExampleReport,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, at: &str) {
        match value {
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(item, &format!("{at}/{index}"));
                }
            }
            Value::Object(map) => {
                self.examples_of(map, at);
                // Examples are values, not parts of the document; extensions
                // follow no schema.
                let parts = map
                    .iter()
                    .filter(|(key, _)| !is_example(key) && !key.starts_with("x-"));
                for (key, part) in parts {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    self.value(part, &format!("{at}/{key}"));
                }
            }
            _ => {}
        }
    }

    /// The examples that stand beside a schema, or inside it.
    fn examples_of(&mut self, map: &Map<String, Value>, at: &str) {
        let is_schema = ["type", "$ref", "oneOf", "anyOf", "allOf", "enum"]
            .iter()
            .any(|key| map.contains_key(*key));
        let schema = match map.get("schema") {
            Some(schema) => schema.clone(),
            None if is_schema => Value::Object(map.clone()),
            None => return,
        };
        let mut examples: Vec<(String, Value)> = Vec::new();
        if let Some(example) = map.get("example") {
            examples.push((format!("{at}/example"), example.clone()));
        }
        match map.get("examples") {
            Some(Value::Array(list)) => {
                let named = list.iter().enumerate();
                examples.extend(
                    named.map(|(index, value)| (format!("{at}/examples/{index}"), value.clone())),
                );
            }
            Some(Value::Object(named)) => examples.extend(named.iter().map(|(name, entry)| {
                let entry = self.resolve(entry);
                (format!("{at}/examples/{name}"), entry["value"].clone())
            })),
            _ => {}
        }
        for (place, example) in examples {
            self.compare(&schema, &example, &place);
        }
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let target = value["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
        target
            .and_then(|pointer| self.document.pointer(pointer))
            .unwrap_or(value)
    }

    fn compare(&mut self, schema: &Value, example: &Value, place: &str) {
        let mut schema = schema.clone();
        if let Value::Object(map) = &mut schema {
            map.retain(|key, _| !is_example(key));
        }
        // References lead into the document's components.
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole);
        self.report.checked += 1;
        match validator {
            Ok(validator) => {
                let faults: Vec<String> = validator
                    .iter_errors(example)
                    .map(|fault| format!("{place}{}: {fault}", fault.instance_path()))
                    .collect();
                self.report.faults.extend(faults);
            }
            Err(fault) => {
                let text = format!("{place}: the schema cannot be used: {fault}");
                self.report.faults.push(text);
            }
        }
    }
}

fn is_example(key: &str) -> bool {
    matches!(key, "example" | "examples")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(example: &Value) -> Value {
        json!({
            "paths": { "/x": { "post": {
                "parameters": [{
                    "name": "limit", "in": "query", "example": 5,
                    "schema": { "type": "integer", "minimum": 1 },
                }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Order" },
                    "example": example,
                } } },
                "responses": { "409": { "content": { "application/problem+json": {
                    "schema": { "type": "object", "required": ["code"] },
                    "examples": { "a.b": { "$ref": "#/components/examples/a.b" } },
                } } } },
            } } },
            "components": {
                "examples": { "a.b": { "value": { "code": "a.b" } } },
                "schemas": {
                    "Order": {
                        "type": "object", "required": ["status"], "additionalProperties": false,
                        "properties": { "status": { "$ref": "#/components/schemas/Status" } },
                    },
                    "Status": { "type": "string", "enum": ["open", "done"], "example": "open" },
                },
            },
        })
    }

    #[test]
    fn examples_that_fit_pass_and_all_are_looked_at() {
        let report = check_examples(&document(&json!({ "status": "done" })));
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!(report.checked, 4);
    }

    #[test]
    fn a_wrong_example_is_named_with_its_place_even_behind_a_reference() {
        let report = check_examples(&document(&json!({ "status": "closed" })));
        let [fault] = &report.faults[..] else {
            panic!("{:?}", report.faults)
        };
        assert!(
            fault.starts_with(
                "/paths/~1x/post/requestBody/content/application~1json/example/status"
            ),
            "{fault}"
        );
        assert!(fault.contains("\"closed\""), "{fault}");
    }

    #[test]
    fn a_wrong_shared_example_is_found_where_it_is_used() {
        let mut document = document(&json!({ "status": "done" }));
        document["components"]["examples"]["a.b"]["value"] = json!({ "kode": "a.b" });
        let report = check_examples(&document);
        assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
        assert!(
            report.faults[0].contains("examples/a.b"),
            "{:?}",
            report.faults
        );
    }

    #[test]
    fn an_unknown_field_in_an_example_of_a_strict_schema_is_refused() {
        let example = json!({ "status": "done", "colour": "red" });
        assert_eq!(check_examples(&document(&example)).faults.len(), 1);
    }
}
