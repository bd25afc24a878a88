//! Components that nothing refers to: rows that a page writes out in place, the
//! scheme of tokens where everything is open, examples that a handler replaces.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::OpenApi;

const COMPONENTS: &str = "#/components/";

/// Removes schemas, headers, examples and security schemes that no operation
/// reaches.
pub(super) fn remove(document: &mut OpenApi) {
    // A document holds nothing that JSON cannot.
    let whole = serde_json::to_value(&*document).unwrap_or_default();
    let reached = reached(&whole);
    let is_named = |scheme: &str| {
        let operations = whole["paths"].as_object().into_iter().flatten();
        let mut operations =
            operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        operations.any(|(_, operation)| {
            let wants = operation["security"].as_array().into_iter().flatten();
            wants.into_iter().any(|want| want.get(scheme).is_some())
        })
    };
    if let Some(components) = &mut document.components {
        let keep = |section: &str, name: &str| reached.contains(&format!("{section}/{name}"));
        components.schemas.retain(|name, _| keep("schemas", name));
        components.headers.retain(|name, _| keep("headers", name));
        components.examples.retain(|name, _| keep("examples", name));
        components.security_schemes.retain(|name, _| is_named(name));
    }
}

/// The components that the paths refer to, and those that these refer to, as
/// `schemas/Order`.
fn reached(whole: &Value) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![&whole["paths"]];
    while let Some(part) = waiting.pop() {
        match part {
            Value::String(text) => {
                // References, and the targets of a discriminator's mapping.
                if let Some(name) = text.strip_prefix(COMPONENTS)
                    && reached.insert(name.to_owned())
                    && let Some((section, name)) = name.split_once('/')
                {
                    waiting.push(&whole["components"][section][name]);
                }
            }
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => waiting.extend(map.values()),
            _ => {}
        }
    }
    reached
}
