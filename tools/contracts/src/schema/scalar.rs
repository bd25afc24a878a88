//! Types, listed values, numbers, texts and formats.

use std::collections::BTreeSet;

use serde_json::Value;

use super::numbers::{lower_admits, number, steps_admit, upper_admits};
use super::shape::bounds_of;
use super::types::Types;
use super::{Change, Pair};

/// Which types are allowed.
pub(super) fn types(pair: &Pair<'_, '_>) -> Vec<Change> {
    let (before, after) = (pair.before.allowed_types(), pair.after.allowed_types());
    // Where both list values, the lists say it better.
    if before == after || (pair.before.values.is_some() && pair.after.values.is_some()) {
        return Vec::new();
    }
    let (gone, new) = (before.without(after), after.without(before));
    let mut changes = Vec::new();
    let mut say = |slug| {
        let (old, new) = (before.shown(), after.shown());
        changes.push(pair.change(slug, "", Some(old), Some(new)));
    };
    let plainly = |types: Types| !types.without(Types::NULL).is_empty();
    match (plainly(gone), plainly(new)) {
        (true, true) => say("type-changed"),
        (true, false) => say("type-narrowed"),
        (false, true) => say("type-widened"),
        (false, false) => {}
    }
    if gone.has(Types::NULL) && before != Types::ALL {
        say("null-refused");
    }
    if new.has(Types::NULL) && after != Types::ALL {
        say("null-allowed");
    }
    changes
}

/// Which values are listed.
pub(super) fn values(pair: &Pair<'_, '_>) -> Vec<Change> {
    let list = |v: &[Value]| Some(Value::from(v.to_vec()));
    match (&pair.before.values, &pair.after.values) {
        (None, None) => Vec::new(),
        (None, Some(after)) => {
            let after: Vec<Value> = after.iter().map(|v| (*v).clone()).collect();
            // null and the booleans are as good as listed.
            let known = pair.before.finite_values();
            let all = known.is_some_and(|k| k.iter().all(|v| after.contains(v)));
            let change = || pair.change("enum-added", "", None, list(&after));
            (!all).then(change).into_iter().collect()
        }
        (Some(before), None) => {
            let before: Vec<Value> = before.iter().map(|v| (*v).clone()).collect();
            let known = pair.after.finite_values();
            let all = known.is_some_and(|k| k.iter().all(|v| before.contains(v)));
            let change = || pair.change("enum-lifted", "", list(&before), None);
            (!all).then(change).into_iter().collect()
        }
        (Some(_), Some(_)) => {
            let before = pair.before.finite_values().unwrap_or_default();
            let after = pair.after.finite_values().unwrap_or_default();
            let not_in = |a: &[Value], b: &[Value]| {
                let missing = |v: &&Value| !b.iter().any(|o| same_value(o, v));
                a.iter().filter(missing).cloned().collect::<Vec<_>>()
            };
            let (gone, new) = (not_in(&before, &after), not_in(&after, &before));
            let mut changes = Vec::new();
            if !gone.is_empty() {
                changes.push(pair.change("enum-value-removed", "", list(&gone), None));
            }
            if !new.is_empty() {
                changes.push(pair.change("enum-value-added", "", None, list(&new)));
            }
            changes
        }
    }
}

/// Equality as JSON Schema has it: 1 and 1.0 are the same.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => x.total_cmp(&y).is_eq(),
        _ => a == b,
    }
}

/// Bounds and steps of numbers.
pub(super) fn numbers(pair: &Pair<'_, '_>) -> Vec<Change> {
    let (before, after) = (&pair.before.numbers, &pair.after.numbers);
    // A list on one side keeps to bounds by itself; lists on both sides were compared value by value.
    let (listed_before, listed_after) = (pair.before.values.is_some(), pair.after.values.is_some());
    let own = |shape: &super::Shape<'_>, alone: bool| {
        let values = shape.finite_values().filter(|_| alone).unwrap_or_default();
        bounds_of(&values)
    };
    let (mut old_low, mut old_high) = own(pair.before, listed_before && !listed_after);
    let (mut new_low, mut new_high) = own(pair.after, listed_after && !listed_before);
    old_low = old_low.or(before.lower);
    old_high = old_high.or(before.upper);
    new_low = new_low.or(after.lower);
    new_high = new_high.or(after.upper);
    let mut changes = Vec::new();
    let mut say = |slug, open: &str, old: Option<super::numbers::Bound>, new: Option<_>| {
        let show = |b: Option<super::numbers::Bound>| b.map(|b| b.shown(open));
        changes.push(pair.change(slug, "", show(old), show(new)));
    };
    if !lower_admits(new_low, old_low) {
        say("minimum-raised", "more than", old_low, new_low);
    } else if !lower_admits(old_low, new_low) {
        say("minimum-lowered", "more than", old_low, new_low);
    }
    if !upper_admits(new_high, old_high) {
        say("maximum-lowered", "less than", old_high, new_high);
    } else if !upper_admits(old_high, new_high) {
        say("maximum-raised", "less than", old_high, new_high);
    }
    if !listed_before || !listed_after {
        let show = |steps: &[f64]| steps.first().map(|s| number(*s));
        let (old, new) = (show(&before.multiples), show(&after.multiples));
        if !steps_admit(&after.multiples, &before.multiples) {
            changes.push(pair.change("multiple-of-tightened", "", old.clone(), new.clone()));
        }
        if !steps_admit(&before.multiples, &after.multiples) {
            changes.push(pair.change("multiple-of-loosened", "", old, new));
        }
    }
    changes
}

/// Lengths, patterns and encodings of texts.
pub(super) fn strings(pair: &Pair<'_, '_>) -> Vec<Change> {
    let (before, after) = (&pair.before.strings, &pair.after.strings);
    let (old_min, old_max) = lengths(pair.before, pair.after);
    let (new_min, new_max) = lengths(pair.after, pair.before);
    let mut changes = Vec::new();
    changes.extend(at_least(
        pair,
        ("min-length-raised", "min-length-lowered"),
        old_min,
        new_min,
    ));
    changes.extend(at_most(
        pair,
        ("max-length-lowered", "max-length-raised"),
        old_max,
        new_max,
    ));
    let show = |patterns: &BTreeSet<&str>| {
        let all: Vec<_> = patterns.iter().copied().collect();
        (!all.is_empty()).then(|| Value::from(all.join(" and ")))
    };
    let slug = match (
        before.patterns.is_superset(&after.patterns),
        after.patterns.is_superset(&before.patterns),
    ) {
        (true, true) => None,
        (false, true) => Some("pattern-added"),
        (true, false) => Some("pattern-removed"),
        (false, false) => Some("pattern-changed"),
    };
    let (old, new) = (show(&before.patterns), show(&after.patterns));
    changes.extend(slug.map(|s| pair.change(s, "", old, new)));
    if before.content != after.content {
        let show = |c: &BTreeSet<String>| c.first().map(|t| Value::from(t.clone()));
        let (old, new) = (show(&before.content), show(&after.content));
        changes.push(pair.change("content-changed", "", old, new));
    }
    changes
}

/// Lengths that the shape demands, or keeps to by its list where only it has one.
fn lengths(of: &super::Shape<'_>, other: &super::Shape<'_>) -> (Option<u64>, Option<u64>) {
    let listed = of.values.is_some() && other.values.is_none();
    let values = of.finite_values().filter(|_| listed).unwrap_or_default();
    let lengths = values
        .iter()
        .filter_map(|v| u64::try_from(v.as_str()?.chars().count()).ok());
    let (least, most) = (lengths.clone().min(), lengths.max());
    (of.strings.min.max(least), most.or(of.strings.max))
}

/// A demand of at least so many: `(raised, lowered)`.
pub(super) fn at_least(
    pair: &Pair<'_, '_>,
    (raised, lowered): (&'static str, &'static str),
    before: Option<u64>,
    after: Option<u64>,
) -> Option<Change> {
    let slug = match before.unwrap_or(0).cmp(&after.unwrap_or(0)) {
        std::cmp::Ordering::Less => raised,
        std::cmp::Ordering::Greater => lowered,
        std::cmp::Ordering::Equal => return None,
    };
    Some(pair.change(slug, "", before.map(Value::from), after.map(Value::from)))
}

/// A demand of at most so many: `(lowered, raised)`.
pub(super) fn at_most(
    pair: &Pair<'_, '_>,
    (lowered, raised): (&'static str, &'static str),
    before: Option<u64>,
    after: Option<u64>,
) -> Option<Change> {
    let slug = match before.unwrap_or(u64::MAX).cmp(&after.unwrap_or(u64::MAX)) {
        std::cmp::Ordering::Less => raised,
        std::cmp::Ordering::Greater => lowered,
        std::cmp::Ordering::Equal => return None,
    };
    Some(pair.change(slug, "", before.map(Value::from), after.map(Value::from)))
}

/// Formats of numbers and texts.
pub(super) fn formats(pair: &Pair<'_, '_>, both: Types) -> Vec<Change> {
    if !both.has(Types::NUMBER.or(Types::STRING)) {
        return Vec::new();
    }
    let (before, after) = (&pair.before.strings.formats, &pair.after.strings.formats);
    let implied = |from: &BTreeSet<&str>, to: &BTreeSet<&str>| {
        to.iter().all(|t| from.iter().any(|f| implies(f, t)))
    };
    let slug = match (implied(before, after), implied(after, before)) {
        (true, true) => return Vec::new(),
        (false, true) => "format-narrowed",
        (true, false) => "format-widened",
        (false, false) => "format-changed",
    };
    let show = |formats: &BTreeSet<&str>| formats.first().map(|f| Value::from(*f));
    vec![pair.change(slug, "", show(before), show(after))]
}

/// Whether every value of format `a` has format `b`.
fn implies(a: &str, b: &str) -> bool {
    const CHAINS: &[&[&str]] = &[
        &["int8", "int16", "int32", "int64", "int"],
        &["uint8", "uint16", "uint32", "uint64", "uint"],
        &["uint8", "int16", "int32", "int64"],
        &["uint16", "int32"],
        &["uint32", "int64"],
        &["uint", "uint64"],
        &["int", "int64"],
        &["float", "double"],
        &["uri", "uri-reference", "iri-reference"],
        &["uri", "iri"],
        &["email", "idn-email"],
        &["hostname", "idn-hostname"],
    ];
    let after = |chain: &&[&str]| {
        let place = |x| chain.iter().position(|f| *f == x);
        place(a).zip(place(b)).is_some_and(|(a, b)| a <= b)
    };
    a == b || CHAINS.iter().any(after)
}
