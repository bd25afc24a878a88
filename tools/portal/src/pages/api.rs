//! What pages say about HTTP operations, and the document for the reference.

use serde::Serialize;
use serde_json::{Value, json};

use crate::markdown;
use crate::samples;
use crate::source::Edition;

/// An operation in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Operation {
    /// Upper case.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) summary: String,
    /// Text for the search.
    pub(crate) about: String,
    pub(crate) anchor: String,
    pub(crate) token: bool,
    pub(crate) codes: Vec<String>,
}

/// Operations with the same tag.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) operations: Vec<Operation>,
}

/// All operations by tag, in the order of the document.
pub(crate) fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (method, path, operation) in samples::operations(document) {
        let tag = operation["tags"][0].as_str().unwrap_or("operations");
        let entry = Operation::of(tag, method, path, operation);
        match groups.iter_mut().find(|group| group.name == tag) {
            Some(group) => group.operations.push(entry),
            None => groups.push(Group {
                name: tag.to_owned(),
                operations: vec![entry],
            }),
        }
    }
    groups
}

impl Operation {
    fn of(tag: &str, method: &str, path: &str, operation: &Value) -> Self {
        let text = |key: &str| operation[key].as_str().unwrap_or_default();
        let method = method.to_uppercase();
        let codes = operation["x-error-codes"].as_array().into_iter().flatten();
        Self {
            // As the component makes it.
            anchor: format!("tag/{}/{method}{path}", markdown::slug(tag)),
            path: path.to_owned(),
            summary: text("summary").trim_end_matches('.').to_owned(),
            about: markdown::plain(text("description")),
            token: operation["security"]
                .as_array()
                .is_some_and(|all| !all.is_empty()),
            codes: codes.filter_map(Value::as_str).map(str::to_owned).collect(),
            method,
        }
    }
}

/// The document that the reference shows: with samples, and with links from
/// the codes of failures to what they mean.
pub(crate) fn shown(edition: &Edition) -> String {
    let mut document = samples::with_samples(&edition.contract.openapi);
    document["servers"] = json!([{ "url": samples::BASE }]);
    if let Some(paths) = document["paths"].as_object_mut() {
        let items = paths.values_mut().filter_map(Value::as_object_mut);
        let operations = items.flat_map(|item| item.values_mut());
        operations
            .filter(|value| value.is_object())
            .for_each(explain);
    }
    format!("self.shoalDocument={document};\n")
}

/// Links the codes that an operation names, and says what the console does by
/// itself. Links stand in the description, as the component puts what is said
/// of an answer into a button.
fn explain(operation: &mut Value) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["name"] == "Idempotency-Key"
            && let Some(Value::String(text)) = parameter.get_mut("description")
        {
            text.push_str(" The console sends a new one each time unless you type your own.");
        }
    }
    let codes = operation["x-error-codes"].as_array().into_iter().flatten();
    let links: Vec<String> = codes
        .filter_map(Value::as_str)
        .map(|code| format!("[`{code}`](../../../errors.html#{code})"))
        .collect();
    if !links.is_empty() {
        let said = operation["description"].as_str().unwrap_or_default();
        let all = format!("{said}\n\nError codes: {}.", links.join(", "));
        operation["description"] = all.trim().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_names_its_codes_with_links_to_what_they_mean() {
        let mut operation = json!({ "description": "Buys.", "x-error-codes": ["shop.sold_out"] });
        explain(&mut operation);
        let text = operation["description"].as_str().unwrap_or_default();
        assert!(
            text.starts_with(
                "Buys.\n\nError codes: [`shop.sold_out`](../../../errors.html#shop.sold_out)"
            ),
            "{text}"
        );
        let mut plain = json!({ "description": "Buys." });
        explain(&mut plain);
        assert_eq!(plain, json!({ "description": "Buys." }));
    }
}
