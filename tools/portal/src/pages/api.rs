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
    // A failure's description is a list of codes; each becomes a link.
    if let Some(paths) = document["paths"].as_object_mut() {
        let items = paths.values_mut().filter_map(Value::as_object_mut);
        let operations = items.flat_map(|item| item.values_mut());
        for operation in operations.filter(|value| value.is_object()) {
            let responses = operation
                .get_mut("responses")
                .and_then(Value::as_object_mut);
            for response in responses.into_iter().flat_map(|all| all.values_mut()) {
                if let Some(Value::String(text)) = response.get_mut("description") {
                    *text = linked_codes(text);
                }
            }
        }
    }
    format!("self.shoalDocument={document};\n")
}

/// `` `a.code`: Title; … `` with each code linked.
fn linked_codes(text: &str) -> String {
    let parts = text.split("; ").map(|part| {
        let code = part
            .strip_prefix('`')
            .and_then(|rest| rest.split_once("`: "));
        match code {
            Some((code, title)) if code.contains('.') && !code.contains(' ') => {
                format!("[`{code}`](../../../errors.html#{code}): {title}")
            }
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_a_description_become_links_and_other_text_stays() {
        let text = linked_codes("`common.not_found`: Not found; `order.gone`: Gone");
        assert!(
            text.contains("[`order.gone`](../../../errors.html#order.gone): Gone"),
            "{text}"
        );
        assert_eq!(linked_codes("The order; paid."), "The order; paid.");
    }
}
