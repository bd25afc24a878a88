//! Alternatives: `oneOf`, `anyOf`, and the types of a `type` list, which are the same thing.
//!
//! Every side is written as a list of alternatives. An old alternative that some new one accepts whole is
//! kept; what is left is paired by what names an alternative (a property with one value, the definition,
//! the type), and the pair's own differences are told; what has no partner is gone or new.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::shape::{Conj, Shape};
use super::types::Types;
use super::{Change, Engine, Pair, Places};
use crate::document::{Document, Loc};

/// The types into which a list of types is split, as schemas that demand them.
static SINGLE_TYPES: LazyLock<Vec<(Types, &'static str, Value)>> = LazyLock::new(|| {
    let names = ["null", "boolean", "object", "array", "string", "number"];
    let of = |name| Some((Types::named(name)?, name, json!({ "type": name })));
    names.into_iter().filter_map(of).collect()
});

/// More alternatives than this are not multiplied out; no schema that people write has them.
const MOST: usize = 256;

struct Alternative<'a> {
    conj: Conj<'a>,
    /// The branch that distinguishes it.
    names: BTreeSet<String>,
    types: Types,
    tags: Vec<(String, Value)>,
    null: bool,
}

impl<'a> Engine<'a> {
    pub(super) fn unions(
        &mut self,
        old: &[Loc<'a>],
        new: &[Loc<'a>],
        pair: &Pair<'_, 'a>,
    ) -> Vec<Change> {
        let before = alternatives(self.old, old, pair.before);
        let after = alternatives(self.new, new, pair.after);
        let table: Vec<Vec<Vec<Change>>> = before
            .iter()
            .map(|o| {
                after
                    .iter()
                    .map(|n| self.compare(&o.conj, &n.conj, pair.at))
                    .collect()
            })
            .collect();
        let kept: Vec<bool> = table
            .iter()
            .map(|row| row.iter().any(|c| !c.iter().any(Change::narrows)))
            .collect();
        let known: Vec<bool> = (0..after.len())
            .map(|j| table.iter().any(|row| !row[j].iter().any(Change::widens)))
            .collect();
        let partners = partners(&before, &after, &table);
        let mut changes = Vec::new();
        for (i, row) in table.iter().enumerate() {
            match partners[i] {
                Some(j) => {
                    let told = |c: &&Change| matters(c, kept[i], known[j]);
                    changes.extend(row[j].iter().filter(told).cloned());
                }
                None if kept[i] => {}
                None => changes.push(whole(pair, "branch-removed", "null-refused", &before[i])),
            }
        }
        for (j, alternative) in after.iter().enumerate() {
            if !known[j] && !partners.contains(&Some(j)) {
                changes.push(whole(pair, "branch-added", "null-allowed", alternative));
            }
        }
        let changed = changes.iter().any(|c| c.narrows() || c.widens());
        if changed
            && (overlap(self.new, pair.after, &after) || overlap(self.old, pair.before, &before))
        {
            changes.push(pair.change("branches-overlap", "", None, None));
        }
        changes
    }
}

/// Whether a change between partners shows: not where another alternative takes in what it loses.
fn matters(change: &Change, kept: bool, known: bool) -> bool {
    match (change.narrows(), change.widens()) {
        (true, true) => !(kept && known),
        (true, false) => !kept,
        (false, true) => !known,
        (false, false) => true,
    }
}

/// The finding for an alternative without a partner.
fn whole(
    pair: &Pair<'_, '_>,
    slug: &'static str,
    for_null: &'static str,
    alternative: &Alternative<'_>,
) -> Change {
    let branch = alternative
        .conj
        .iter()
        .rev()
        .find(|l| !l.without_unions && !l.pointer.starts_with('<'));
    let shown = branch.map(|l| l.value.clone());
    let gone = slug == "branch-removed";
    let (before, after) = if gone { (shown, None) } else { (None, shown) };
    if alternative.null {
        return pair.change(for_null, "", before, after);
    }
    let subject = alternative
        .names
        .iter()
        .next()
        .and_then(|n| n.rsplit('/').next());
    let subject = subject.map(|n| format!("`{n}`")).unwrap_or_default();
    let mut change = pair.change(slug, &subject, before, after);
    if let Some(branch) = branch {
        change.at = Places {
            old: branch.pointer.clone(),
            new: branch.pointer.clone(),
            gone,
        };
    }
    change
}

fn alternatives<'a>(
    document: &'a Document,
    conj: &[Loc<'a>],
    shape: &Shape<'a>,
) -> Vec<Alternative<'a>> {
    let base: Conj<'a> = conj
        .iter()
        .cloned()
        .map(|mut l| {
            l.without_unions = true;
            l
        })
        .collect();
    let mut all = vec![base];
    for union in &shape.unions {
        if all.len() * union.branches.len() > MOST {
            break;
        }
        let with = |conj: &Conj<'a>| {
            let branch = |b: &Loc<'a>| [conj.as_slice(), std::slice::from_ref(b)].concat();
            union.branches.iter().map(branch).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    let made = all.into_iter().flat_map(|conj| by_type(document, conj));
    made.filter(|a| !a.types.is_empty()).collect()
}

/// One alternative per type, where the schema lists types.
fn by_type<'a>(document: &'a Document, conj: Conj<'a>) -> Vec<Alternative<'a>> {
    let shape = Shape::of(document, &conj);
    let types = shape.allowed_types();
    let single: Vec<_> = SINGLE_TYPES
        .iter()
        .filter(|(t, _, _)| types.has(*t))
        .collect();
    // Nested alternatives are split when it is their turn.
    if shape.types.is_none() || single.len() < 2 || !shape.unions.is_empty() {
        return vec![alternative(document, conj, &shape, types)];
    }
    let with = |(_, name, value): &&'static (Types, &'static str, Value)| {
        let mut conj = conj.clone();
        conj.push(Loc::new(format!("<{name}>"), value));
        let shape = Shape::of(document, &conj);
        let types = shape.allowed_types();
        alternative(document, conj, &shape, types)
    };
    single.iter().map(with).collect()
}

fn alternative<'a>(
    document: &'a Document,
    conj: Conj<'a>,
    shape: &Shape<'a>,
    types: Types,
) -> Alternative<'a> {
    let tag = |(name, schema): (&&'a str, &Conj<'a>)| {
        let required = shape.objects.required.contains(*name);
        let values = Shape::of(document, schema).values.filter(|_| required)?;
        match values.as_slice() {
            [one] => Some(((*name).to_owned(), (*one).clone())),
            _ => None,
        }
    };
    Alternative {
        names: shape.references.clone(),
        types,
        tags: shape.objects.properties.iter().filter_map(tag).collect(),
        null: types == Types::NULL,
        conj,
    }
}

/// Of each old alternative, the new one that stands in its place.
fn partners(
    before: &[Alternative<'_>],
    after: &[Alternative<'_>],
    table: &[Vec<Vec<Change>>],
) -> Vec<Option<usize>> {
    let mut scored: Vec<(i64, usize, usize)> = Vec::new();
    for (i, old) in before.iter().enumerate() {
        for (j, new) in after.iter().enumerate() {
            if let Some(likeness) = likeness(old, new) {
                let changes = i64::try_from(table[i][j].len()).unwrap_or(i64::MAX);
                scored.push((likeness * 1000 - changes.min(999), i, j));
            }
        }
    }
    scored.sort_by_key(|(score, i, j)| (-score, *i, *j));
    let mut partners = vec![None; before.len()];
    for (_, i, j) in scored {
        if partners[i].is_none() && !partners.contains(&Some(j)) {
            partners[i] = Some(j);
        }
    }
    partners
}

/// How much speaks for two alternatives being the same one; none when something speaks against it.
fn likeness(old: &Alternative<'_>, new: &Alternative<'_>) -> Option<i64> {
    let mut score = 0;
    let shared = |(name, value): &(String, Value)| {
        let other = new.tags.iter().find(|(n, _)| n == name)?;
        Some(&other.1 == value)
    };
    let tags: Vec<bool> = old.tags.iter().filter_map(shared).collect();
    if tags.contains(&false) {
        return None;
    }
    score += if tags.is_empty() { 0 } else { 16 };
    if !old.names.is_disjoint(&new.names) {
        score += 8;
    } else if tags.is_empty() && !old.names.is_empty() && !new.names.is_empty() {
        return None;
    }
    if old.types == new.types {
        score += 4;
    } else if !old.types.has(new.types) {
        return None;
    }
    Some(score + 1)
}

/// Whether one of several alternatives that exclude each other may hold together with another.
fn overlap(document: &Document, shape: &Shape<'_>, alternatives: &[Alternative<'_>]) -> bool {
    let exclusive = shape.unions.iter().any(|u| u.exclusive);
    exclusive
        && alternatives.iter().enumerate().any(|(i, a)| {
            let others = alternatives.iter().skip(i + 1);
            others.into_iter().any(|b| !disjoint(document, a, b))
        })
}

fn disjoint(document: &Document, a: &Alternative<'_>, b: &Alternative<'_>) -> bool {
    if !a.types.has(b.types) {
        return true;
    }
    let differs = |(name, value): &(String, Value)| {
        b.tags
            .iter()
            .any(|(other, of)| other == name && of != value)
    };
    if a.tags.iter().any(differs) {
        return true;
    }
    let (a, b) = (Shape::of(document, &a.conj), Shape::of(document, &b.conj));
    if let (Some(a), Some(b)) = (a.finite_values(), b.finite_values())
        && !a.iter().any(|v| b.contains(v))
    {
        return true;
    }
    demands_what_is_refused(&a, &b) || demands_what_is_refused(&b, &a)
}

/// Whether both are objects and `a` demands a property that `b` refuses.
fn demands_what_is_refused(a: &Shape<'_>, b: &Shape<'_>) -> bool {
    use super::shape::Additional;
    let objects = a.allowed_types() == Types::OBJECT && b.allowed_types() == Types::OBJECT;
    let closed =
        matches!(b.objects.additional, Additional::Closed) && b.objects.patterns.is_empty();
    let refused = |name: &&str| !b.objects.properties.contains_key(*name);
    objects && closed && a.objects.required.iter().any(refused)
}
