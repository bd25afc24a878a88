//! What a schema says besides which values it accepts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Change, Pair};
use crate::document::Loc;

pub(super) fn compare(pair: &Pair<'_, '_>) -> Vec<Change> {
    let (before, after) = (&pair.before.notes, &pair.after.notes);
    let mut changes = Vec::new();
    let slug = match (before.default, after.default) {
        (None, Some(_)) => Some("default-added"),
        (Some(_), None) => Some("default-removed"),
        (Some(old), Some(new)) if old != new => Some("default-changed"),
        _ => None,
    };
    let (old, new) = (before.default.cloned(), after.default.cloned());
    changes.extend(slug.map(|s| pair.change(s, "", old, new)));
    let flags = [
        (
            before.deprecated,
            after.deprecated,
            "deprecated",
            "undeprecated",
        ),
        (
            before.read_only,
            after.read_only,
            "became-read-only",
            "became-writable",
        ),
        (
            before.write_only,
            after.write_only,
            "became-write-only",
            "became-readable",
        ),
    ];
    for (was, is, set, cleared) in flags {
        match (was, is) {
            (false, true) => changes.push(pair.change(set, "", None, None)),
            (true, false) => changes.push(pair.change(cleared, "", None, None)),
            _ => {}
        }
    }
    changes.extend(discriminators(pair));
    changes
}

fn discriminators(pair: &Pair<'_, '_>) -> Vec<Change> {
    let property = |l: &Loc<'_>| l.text("propertyName").map(Value::from);
    let (old, new) = (
        &pair.before.notes.discriminator,
        &pair.after.notes.discriminator,
    );
    let (old, new) = match (old, new) {
        (None, None) => return Vec::new(),
        (None, Some(new)) => {
            return vec![pair.change("discriminator-added", "", None, property(new))];
        }
        (Some(old), None) => {
            return vec![pair.change("discriminator-removed", "", property(old), None)];
        }
        (Some(old), Some(new)) => (old, new),
    };
    if property(old) != property(new) {
        return vec![pair.change("discriminator-changed", "", property(old), property(new))];
    }
    let mapping = |l: &Loc<'_>| -> BTreeMap<String, Value> {
        let pairs = l.value.get("mapping").and_then(Value::as_object);
        pairs
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let (old, new) = (mapping(old), mapping(new));
    let mut changes = Vec::new();
    for (value, target) in &old {
        let subject = format!("`{value}`");
        match new.get(value) {
            None => {
                let was = Some(target.clone());
                changes.push(pair.change("discriminator-value-removed", &subject, was, None));
            }
            Some(other) if other != target => changes.push(pair.change(
                "discriminator-value-moved",
                &subject,
                Some(target.clone()),
                Some(other.clone()),
            )),
            Some(_) => {}
        }
    }
    for (value, target) in new.iter().filter(|(v, _)| !old.contains_key(*v)) {
        let (subject, is) = (format!("`{value}`"), Some(target.clone()));
        changes.push(pair.change("discriminator-value-added", &subject, None, is));
    }
    changes
}
