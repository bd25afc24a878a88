//! How often the engine and the crate `drift` agree on the cases of the corpus that OpenAPI 3.0 can express,
//! which is all that `drift` reads: `cargo run -p shoal-contracts --example peers`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it prints figures"
)]

use std::collections::BTreeMap;

use drift::ChangeClass;
use serde_json::{Map, Value, json};
use shoal_contracts::{Document, Options, Severity, openapi};

const FAMILIES: &[(&str, &str)] = &[
    ("annotations", include_str!("../corpus/annotations.json")),
    ("arrays", include_str!("../corpus/arrays.json")),
    ("bodies", include_str!("../corpus/bodies.json")),
    ("composition", include_str!("../corpus/composition.json")),
    ("enums", include_str!("../corpus/enums.json")),
    ("numbers", include_str!("../corpus/numbers.json")),
    ("objects", include_str!("../corpus/objects.json")),
    ("parameters", include_str!("../corpus/parameters.json")),
    ("paths", include_str!("../corpus/paths.json")),
    ("responses", include_str!("../corpus/responses.json")),
    ("security", include_str!("../corpus/security.json")),
    ("strings", include_str!("../corpus/strings.json")),
    ("types", include_str!("../corpus/types.json")),
];

/// Keywords that OpenAPI 3.0 does not have.
const NEWER: &[&str] = &[
    "const",
    "prefixItems",
    "contains",
    "minContains",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "if",
    "contentEncoding",
    "contentMediaType",
    "webhooks",
    "$defs",
    "pathItems",
];

#[derive(Default)]
struct Tally {
    agree: usize,
    only_we: Vec<String>,
    only_drift: Vec<String>,
    unreadable: usize,
    panicked: Vec<String>,
    /// Differences that drift sees and calls unhandled.
    undecided: Vec<String>,
}

fn main() {
    // drift asserts what it does not handle; that is counted and not shown.
    std::panic::set_hook(Box::new(|_| {}));
    let mut tally = Tally::default();
    let mut left_out = 0;
    for (family, text) in FAMILIES {
        let content: Value = serde_json::from_str(text).unwrap();
        for case in content["cases"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let pairs = match content["kind"].as_str().unwrap() {
                "schema" => schema_pairs(case),
                _ => vec![(
                    "",
                    patched(&content["base"], &case["old"]),
                    patched(&content["base"], &case["new"]),
                )],
            };
            for (direction, old, new) in pairs {
                match (older(old), older(new)) {
                    (Some(old), Some(new)) => {
                        compare(
                            &format!("{family}: {name} {direction}"),
                            &old,
                            &new,
                            &mut tally,
                        );
                    }
                    _ => left_out += 1,
                }
            }
        }
    }
    print(&tally, left_out);
}

fn compare(name: &str, old: &Value, new: &Value, tally: &mut Tally) {
    let document = |value: &Value| Document {
        name: name.to_owned(),
        value: value.clone(),
    };
    // The day that the corpus supposes.
    let today = "2026-06-01".to_owned();
    let ours = openapi::diff(&document(old), &document(new), &Options { today });
    let report = ours.unwrap_or_else(|e| panic!("our own engine refuses it: {e}"));
    let ours = report.worst() == Some(Severity::Breaking);
    let changes = match std::panic::catch_unwind(|| drift::compare(old, new)) {
        Ok(Ok(changes)) => changes,
        Ok(Err(_)) => return tally.unreadable += 1,
        Err(_) => return tally.panicked.push(name.to_owned()),
    };
    let classes: Vec<ChangeClass> = changes
        .iter()
        .flat_map(|c| &c.changes)
        .map(|i| i.class)
        .collect();
    let breaks = |c: &ChangeClass| {
        matches!(
            c,
            ChangeClass::BackwardIncompatible | ChangeClass::Incompatible
        )
    };
    let theirs = classes.iter().any(breaks);
    if !theirs && classes.contains(&ChangeClass::Unhandled) {
        let harmless = if ours { "breaking" } else { "harmless" };
        return tally.undecided.push(format!("{name} ({harmless} for us)"));
    }
    match (ours, theirs) {
        (true, false) => tally.only_we.push(name.to_owned()),
        (false, true) => tally.only_drift.push(name.to_owned()),
        _ => tally.agree += 1,
    }
}

/// The schemas as the body of a request and as the body of an answer.
fn schema_pairs(case: &Value) -> Vec<(&'static str, Value, Value)> {
    let content = |s: &Value| json!({"application/json": {"schema": s}});
    let request = |s: &Value| {
        let responses = json!({"204": {"description": "done"}});
        let body = json!({"required": true, "content": content(s)});
        whole(&json!({"operationId": "a", "requestBody": body, "responses": responses}))
    };
    let response = |s: &Value| {
        let responses = json!({"200": {"description": "ok", "content": content(s)}});
        whole(&json!({"operationId": "a", "responses": responses}))
    };
    let (old, new) = (&case["old"], &case["new"]);
    vec![
        ("(request)", request(old), request(new)),
        ("(response)", response(old), response(new)),
    ]
}

fn whole(operation: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": operation}},
    })
}

/// The document as OpenAPI 3.0; none where that cannot say it.
fn older(mut document: Value) -> Option<Value> {
    document["openapi"] = json!("3.0.3");
    downgrade(&mut document)?;
    Some(document)
}

fn downgrade(value: &mut Value) -> Option<()> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(downgrade),
        Value::Object(object) => {
            if object.keys().any(|k| NEWER.contains(&k.as_str())) {
                return None;
            }
            if let Some(Value::Array(types)) = object.get("type").cloned() {
                let plain: Vec<_> = types.iter().filter(|t| **t != json!("null")).collect();
                let [one] = plain.as_slice() else { return None };
                object.insert("type".to_owned(), (*one).clone());
                object.insert("nullable".to_owned(), json!(types.len() > 1));
            }
            if object.get("type") == Some(&json!("null"))
                || object.get("schema").is_some_and(Value::is_boolean)
            {
                return None;
            }
            exclusive(object, "exclusiveMinimum", "minimum");
            exclusive(object, "exclusiveMaximum", "maximum");
            object.values_mut().try_for_each(downgrade)
        }
        _ => Some(()),
    }
}

fn exclusive(object: &mut Map<String, Value>, key: &str, bound: &str) {
    if let Some(value) = object.get(key).filter(|v| v.is_number()).cloned() {
        object.insert(bound.to_owned(), value);
        object.insert(key.to_owned(), json!(true));
    }
}

fn patched(base: &Value, patch: &Value) -> Value {
    let mut value = base.clone();
    merge(&mut value, patch);
    value
}

/// JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().unwrap();
    for (key, value) in changes {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn print(tally: &Tally, left_out: usize) {
    let compared = tally.agree + tally.only_we.len() + tally.only_drift.len();
    println!(
        "compared {compared}, agreed {} ({:.1} %)",
        tally.agree,
        100.0 * tally.agree as f64 / compared as f64
    );
    println!(
        "left out: {left_out} that OpenAPI 3.0 cannot say, {} that drift cannot read",
        tally.unreadable
    );
    println!(
        "drift panics on {}: {:?}",
        tally.panicked.len(),
        tally.panicked
    );
    let ours = tally
        .undecided
        .iter()
        .filter(|n| n.ends_with("(breaking for us)"))
        .count();
    println!(
        "drift does not decide {}, of which {ours} break for us",
        tally.undecided.len()
    );
    for (who, cases) in [
        ("only we", &tally.only_we),
        ("only drift", &tally.only_drift),
    ] {
        let mut families: BTreeMap<&str, usize> = BTreeMap::new();
        for case in cases {
            *families.entry(case.split(':').next().unwrap()).or_default() += 1;
        }
        println!("\nbreaking for {who}: {} {families:?}", cases.len());
        for case in cases {
            println!("  {case}");
        }
    }
}
