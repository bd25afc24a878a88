//! Checks a merged settings document against its schema.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::fault::ConfigFault;
use super::schema;

/// The first fault of `value`, in the order of its keys.
pub(super) fn check(root: &Value, value: &Value) -> Result<(), ConfigFault> {
    walk(root, root, value, &mut Vec::new())
}

/// Checks settings that come on another way than a file, by their own schema.
pub(crate) fn within_schema<T: JsonSchema + Serialize>(settings: &T) -> Result<(), ConfigFault> {
    let value =
        serde_json::to_value(settings).map_err(|error| ConfigFault::new("", error.to_string()))?;
    check(&schemars::schema_for!(T).to_value(), &value)
}

fn walk(
    root: &Value,
    of: &Value,
    value: &Value,
    path: &mut Vec<String>,
) -> Result<(), ConfigFault> {
    let fault = |problem: String| {
        ConfigFault::new(path.join("."), problem).with_allowed(schema::allowed(root, of))
    };
    if let Some(words) = schema::words(root, of) {
        return match value.as_str() {
            Some(word) if words.contains(&word) => Ok(()),
            _ => Err(fault(format!("{value} is not known"))),
        };
    }
    let types = schema::types(root, of);
    if !types.is_empty() && !types.iter().any(|expected| is_a(value, expected)) {
        return Err(fault(format!("{value} is {}", kind(value))));
    }
    if let Some(problem) = out_of_bounds(schema::resolve(root, of), value) {
        return Err(fault(problem));
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let inner = schema::child(root, of, key);
                path.push(key.clone());
                match inner {
                    Some(inner) => walk(root, inner, member, path)?,
                    None if is_closed(root, of) => return Err(unknown(root, of, path)),
                    None => {}
                }
                path.pop();
            }
            Ok(())
        }
        Value::Array(items) => {
            let Some(inner) = schema::resolve(root, of).get("items") else {
                return Ok(());
            };
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(root, inner, item, path)?;
                path.pop();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Structs with named fields take no others, whether or not their author
/// remembered `deny_unknown_fields`.
fn is_closed(root: &Value, of: &Value) -> bool {
    schema::resolve(root, of).get("properties").is_some()
}

fn unknown(root: &Value, of: &Value, path: &[String]) -> ConfigFault {
    let keys: Vec<&str> = schema::resolve(root, of)["properties"]
        .as_object()
        .map(|p| p.keys().map(String::as_str).collect())
        .unwrap_or_default();
    ConfigFault::new(path.join("."), "there is no such setting")
        .with_allowed(format!("one of {}", keys.join(", ")))
}

fn is_a(value: &Value, expected: &str) -> bool {
    match expected {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(n) if n.is_f64() => "a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn out_of_bounds(schema: &Value, value: &Value) -> Option<String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        if bound("minimum").is_some_and(|min| number < min) {
            return Some(format!("{value} is too small"));
        }
        if bound("maximum").is_some_and(|max| number > max) {
            return Some(format!("{value} is too large"));
        }
    }
    let length = value
        .as_str()
        .map(|s| s.chars().count())
        .or(value.as_array().map(Vec::len))?;
    #[expect(clippy::cast_precision_loss, reason = "lengths of settings are small")]
    let length = length as f64;
    let (min, max) = if value.is_array() {
        (bound("minItems"), bound("maxItems"))
    } else {
        (bound("minLength"), bound("maxLength"))
    };
    if min.is_some_and(|min| length < min) {
        return Some(format!("{value} is too short"));
    }
    max.is_some_and(|max| length > max)
        .then(|| format!("{value} is too long"))
}
