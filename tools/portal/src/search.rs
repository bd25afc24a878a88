//! The full-text index, in the form that MiniSearch writes and reads.
//!
//! Made here, a browser loads it in a few milliseconds instead of indexing
//! every page at the first key. The form is that of MiniSearch 7
//! (`serializationVersion` 2); a test in the browser finds things with it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Fields that are searched, in MiniSearch's order.
const FIELDS: [&str; 3] = ["title", "where", "text"];

/// Longest excerpt that a result shows, in characters.
const EXCERPT: usize = 180;

/// Something that can be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// Address from the top of the site, with anchor.
    pub(crate) url: String,
    pub(crate) title: String,
    /// Where it stands: `order · settings`.
    pub(crate) place: String,
    pub(crate) text: String,
}

/// The index of all entries.
pub(crate) fn index(entries: &[Entry]) -> Value {
    let mut terms: BTreeMap<String, BTreeMap<usize, BTreeMap<usize, u32>>> = BTreeMap::new();
    let mut ids = Map::new();
    let mut lengths = Map::new();
    let mut stored = Map::new();
    let mut totals = [0usize; FIELDS.len()];
    for (id, entry) in entries.iter().enumerate() {
        let mut own = Vec::new();
        for (field, text) in [&entry.title, &entry.place, &entry.text]
            .into_iter()
            .enumerate()
        {
            let mut different = std::collections::BTreeSet::new();
            for term in tokens(text) {
                let counts = terms.entry(term.clone()).or_default();
                *counts.entry(field).or_default().entry(id).or_default() += 1;
                different.insert(term);
            }
            // MiniSearch takes the number of different terms as the length.
            own.push(different.len());
            if let Some(total) = totals.get_mut(field) {
                *total += different.len();
            }
        }
        ids.insert(id.to_string(), json!(id));
        lengths.insert(id.to_string(), json!(own));
        stored.insert(
            id.to_string(),
            json!({
                "url": entry.url,
                "title": entry.title,
                "where": entry.place,
                "excerpt": excerpt(&entry.text),
            }),
        );
    }
    let average = totals.map(|total| ratio(total, entries.len()));
    let index: Vec<Value> = terms
        .iter()
        .map(|(term, fields)| json!([term, fields]))
        .collect();
    json!({
        "documentCount": entries.len(),
        "nextId": entries.len(),
        "documentIds": ids,
        "fieldIds": FIELDS.iter().enumerate().map(|(i, name)| ((*name).to_owned(), json!(i))).collect::<Map<_, _>>(),
        "fieldLength": lengths,
        "averageFieldLength": average,
        "storedFields": stored,
        "dirtCount": 0,
        "index": index,
        "serializationVersion": 2,
    })
}

/// Terms of a text. The browser cuts a query the same way (`portal.js`): at
/// everything that is no letter and no digit, so that `order.placed.v1` is
/// found by each of its parts.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|term| !term.is_empty())
        .map(str::to_lowercase)
}

fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= EXCERPT {
        return text;
    }
    let cut: String = text.chars().take(EXCERPT).collect();
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
    format!("{cut} …")
}

#[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
fn ratio(sum: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { sum as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_dotted_name_is_a_term() {
        let terms: Vec<String> = tokens("Event `order.placed.v1` (new)").collect();
        assert_eq!(terms, ["event", "order", "placed", "v1", "new"]);
    }

    #[test]
    fn the_index_counts_terms_by_field_and_entry() {
        let entry = |title: &str, text: &str| Entry {
            title: title.to_owned(),
            text: text.to_owned(),
            ..Entry::default()
        };
        let index = index(&[
            entry("Orders", "an order, an offer"),
            entry("Stock", "order"),
        ]);
        let terms = index["index"].as_array().into_iter().flatten();
        let order = terms.clone().find(|pair| pair[0] == "order");
        assert_eq!(order, Some(&json!(["order", { "2": { "0": 1, "1": 1 } }])));
        let an = terms.clone().find(|pair| pair[0] == "an");
        assert_eq!(an, Some(&json!(["an", { "2": { "0": 2 } }])));
        assert_eq!(index["fieldLength"]["0"], json!([1, 0, 3]));
        assert_eq!(index["averageFieldLength"][2], json!(2.0));
    }
}
