//! JSON Schema of a service's settings, and reading it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::chassis::ChassisConfig;
use crate::module::Module;

/// JSON Schema (2020-12) of all settings of a service.
pub fn schema<M: Module>() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let chassis = generator.subschema_for::<ChassisConfig>();
    let module = generator.subschema_for::<M::Config>();
    let definitions = Value::Object(generator.take_definitions(true));
    let root = json!({ "$defs": definitions });
    let mut properties = Map::new();
    for part in [chassis.to_value(), module.to_value()] {
        if let Some(Value::Object(own)) = resolve(&root, &part).get("properties") {
            properties.extend(own.clone());
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Settings of {}", M::NAME),
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "$defs": root["$defs"],
    })
}

/// Names of the settings that belong to the chassis.
pub(super) fn chassis_keys() -> Vec<String> {
    let schema = schemars::schema_for!(ChassisConfig).to_value();
    schema["properties"]
        .as_object()
        .map(|p| p.keys().cloned().collect())
        .unwrap_or_default()
}

/// Follows `$ref` and unwraps what schemars puts around optional and
/// documented values, until the schema that says something is reached.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    // Schemas of settings are trees; the bound only guards against a cycle.
    for _ in 0..16 {
        if let Some(name) = schema["$ref"]
            .as_str()
            .and_then(|r| r.strip_prefix("#/$defs/"))
        {
            schema = &root["$defs"][name];
        } else if let Some(inner) = only_alternative(schema) {
            schema = inner;
        } else {
            break;
        }
    }
    schema
}

fn only_alternative(schema: &Value) -> Option<&Value> {
    let options = schema["anyOf"]
        .as_array()
        .or_else(|| schema["allOf"].as_array())?;
    let mut real = options.iter().filter(|option| option["type"] != "null");
    let first = real.next()?;
    real.next().is_none().then_some(first)
}

/// The schema of the setting at `path`, if there is one.
pub(super) fn at<'a>(root: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(root, |schema, key| child(root, schema, key))
}

/// The schema of one key of an object.
pub(super) fn child<'a>(root: &'a Value, schema: &'a Value, key: &str) -> Option<&'a Value> {
    let schema = resolve(root, schema);
    schema["properties"].get(key).or_else(|| {
        schema
            .get("additionalProperties")
            .filter(|additional| additional.is_object())
    })
}

/// The JSON types that a schema admits; empty when it does not say.
pub(super) fn types<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    match &resolve(root, schema)["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The words that an enumeration admits, if it is one.
pub(super) fn words<'a>(root: &'a Value, schema: &'a Value) -> Option<Vec<&'a str>> {
    let schema = resolve(root, schema);
    if let Some(list) = schema["enum"].as_array() {
        return Some(list.iter().filter_map(Value::as_str).collect());
    }
    let options = schema["oneOf"].as_array()?;
    let words: Vec<&str> = options
        .iter()
        .flat_map(|option| match option["enum"].as_array() {
            Some(list) => list.iter().collect::<Vec<_>>(),
            None => vec![&option["const"]],
        })
        .filter_map(Value::as_str)
        .collect();
    (!words.is_empty()).then_some(words)
}

/// What a setting may be, in words.
pub(super) fn allowed(root: &Value, schema: &Value) -> String {
    if let Some(words) = words(root, schema) {
        return format!("one of {}", words.join(", "));
    }
    let admitted = types(root, schema);
    let schema = resolve(root, schema);
    let number = |key: &str| {
        schema
            .get(key)
            .filter(|v| v.is_number())
            .map(ToString::to_string)
    };
    let noun = match admitted.first().copied() {
        Some("integer") => "an integer",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("string") => "a text",
        Some("array") => "a list",
        Some("object") => "a table",
        _ => "what the reference says",
    };
    match (number("minimum"), number("maximum"), number("minLength")) {
        (Some(min), Some(max), _) => format!("{noun} from {min} to {max}"),
        (Some(min), None, _) => format!("{noun} of at least {min}"),
        (None, Some(max), _) => format!("{noun} of at most {max}"),
        (None, None, Some(min)) => format!("{noun} of at least {min} characters"),
        _ => noun.to_owned(),
    }
}
