//! The settings reference, generated from the schema and the defaults.

use std::fmt::Write as _;

use serde_json::Value;

use super::env::variable;
use super::load::defaults;
use super::schema;
use crate::module::Module;

/// Markdown table of every setting: key, what is allowed, default, variable,
/// meaning.
pub fn reference<M: Module>() -> String {
    let root = schema::schema::<M>();
    let mut table = format!(
        "# Settings of {}\n\nLayers, weakest first: defaults, the TOML file of `--config`, the \
         environment, options.\n\n| key | allowed | default | environment | meaning |\n\
         |---|---|---|---|---|\n",
        M::NAME
    );
    let mut values = serde_json::to_value(defaults::<M>()).unwrap_or_default();
    if let (Some(all), Ok(Value::Object(own))) = (
        values.as_object_mut(),
        serde_json::to_value(M::Config::default()),
    ) {
        all.extend(own);
    }
    rows(&mut table, M::NAME, &root, &root, &values, "");
    table
}

fn rows(table: &mut String, service: &str, root: &Value, of: &Value, default: &Value, at: &str) {
    let Some(properties) = schema::resolve(root, of)["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        let key = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}.{name}")
        };
        let value = default.get(name).unwrap_or(&Value::Null);
        let inner = schema::resolve(root, property);
        if inner.get("properties").is_some() {
            rows(table, service, root, property, value, &key);
            continue;
        }
        let meaning = property["description"]
            .as_str()
            .or(inner["description"].as_str());
        let meaning = meaning
            .unwrap_or_default()
            .replace('\n', " ")
            .replace('|', "\\|");
        let allowed = schema::allowed(root, property);
        let variable = variable(service, &key);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{key}` | {allowed} | `{value}` | `{variable}` | {meaning} |"
        );
    }
}
