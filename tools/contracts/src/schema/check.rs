//! Whether a value is a schema at all: a misspelt demand must not pass for none.

use serde_json::{Map, Value};

use super::types::Types;
use crate::document::{Document, Loc};
use crate::error::{Error, Result};

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas.
const NAMED: &[&str] = &[
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
const NUMBERS: &[&str] = &["maximum", "minimum", "multipleOf"];
const COUNTS: &[&str] = &[
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
];
const TEXTS: &[&str] = &[
    "$ref",
    "contentEncoding",
    "contentMediaType",
    "description",
    "format",
    "pattern",
    "title",
];
const FLAGS: &[&str] = &[
    "deprecated",
    "nullable",
    "readOnly",
    "uniqueItems",
    "writeOnly",
];
/// Keywords that decide at run time which schema is meant; two documents cannot be compared through them.
const UNSUPPORTED: &[&str] = &["$dynamicRef", "$dynamicAnchor", "$recursiveRef"];

/// Checks the schema and all within it, and that every `$ref` leads to a schema.
pub(crate) fn schema(document: &Document, loc: &Loc<'_>) -> Result<()> {
    let fail = |at: &str, problem: &str| Err(Error::malformed(&document.name, at, problem));
    let Some(object) = loc.value.as_object() else {
        if loc.value.is_boolean() {
            return Ok(());
        }
        return fail(&loc.pointer, "a schema is an object or a boolean");
    };
    if let Some(keyword) = UNSUPPORTED.iter().find(|k| object.contains_key(**k)) {
        let problem = format!("`{keyword}` cannot be compared; use `$ref`");
        return fail(&format!("{}/{keyword}", loc.pointer), &problem);
    }
    if let Some(target) = reference(document, loc)?
        && !(target.value.is_object() || target.value.is_boolean())
    {
        return fail(
            &format!("{}/$ref", loc.pointer),
            "`$ref` does not lead to a schema",
        );
    }
    for (keyword, problem) in wrong_shapes(object) {
        fail(&format!("{}/{keyword}", loc.pointer), &problem)?;
    }
    for keyword in ONE {
        loc.get(keyword)
            .map_or(Ok(()), |inner| schema(document, &inner))?;
    }
    for keyword in LIST {
        loc.items(keyword)
            .try_for_each(|inner| schema(document, &inner))?;
    }
    for keyword in NAMED {
        loc.members(keyword)
            .try_for_each(|(_, inner)| schema(document, &inner))?;
    }
    Ok(())
}

/// Where the `$ref` of a place leads, if it has one.
pub(crate) fn reference<'a>(document: &'a Document, loc: &Loc<'a>) -> Result<Option<Loc<'a>>> {
    let Some(value) = loc.value.get("$ref") else {
        return Ok(None);
    };
    let at = format!("{}/$ref", loc.pointer);
    let fail = |problem: String| Err(Error::malformed(&document.name, &at, problem));
    match value.as_str() {
        None => fail("`$ref` is a text".to_owned()),
        Some(text) if !text.starts_with('#') => fail(format!(
            "`{text}` leads out of the document; bundle it first"
        )),
        Some(text) => match document.target(text) {
            None => fail(format!("`{text}` leads nowhere")),
            Some(target) => Ok(Some(target)),
        },
    }
}

fn wrong_shapes(object: &Map<String, Value>) -> Vec<(&str, String)> {
    let number_or_flag = |v: &Value| v.is_number() || v.is_boolean();
    let texts = |v: &Value| v.as_array().is_some_and(|a| a.iter().all(Value::is_string));
    let wrong = |(key, value): (&'_ String, &Value)| {
        let key = key.as_str();
        let expected = match key {
            "type" if !is_type(value) => "a type or a list of types",
            "enum" if !value.is_array() => "a list of values",
            "required" if !texts(value) => "a list of property names",
            "exclusiveMinimum" | "exclusiveMaximum" if !number_or_flag(value) => "a number",
            "dependentRequired" if !value.as_object().is_some_and(|o| o.values().all(texts)) => {
                "an object of lists of property names"
            }
            _ if NUMBERS.contains(&key) && !value.is_number() => "a number",
            _ if COUNTS.contains(&key) && super::shape::whole(value).is_none() => "a count",
            _ if TEXTS.contains(&key) && !value.is_string() => "a text",
            _ if FLAGS.contains(&key) && !value.is_boolean() => "a boolean",
            _ if LIST.contains(&key) && !value.is_array() => "a list of schemas",
            _ if NAMED.contains(&key) && !value.is_object() => "an object of schemas",
            _ => return None,
        };
        Some(expected)
    };
    object
        .iter()
        .filter_map(|entry| {
            Some((
                entry.0.as_str(),
                format!("`{}` is {}", entry.0, wrong(entry)?),
            ))
        })
        .collect()
}

fn is_type(value: &Value) -> bool {
    let known = |v: &Value| v.as_str().and_then(Types::named).is_some();
    known(value)
        || value
            .as_array()
            .is_some_and(|a| !a.is_empty() && a.iter().all(known))
}
