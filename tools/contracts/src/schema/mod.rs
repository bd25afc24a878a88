//! What a change of a JSON Schema (2020-12, and what OpenAPI 3.0 wrote differently) does to those who use
//! it.
//!
//! Two schemas are turned into shapes (`shape`), which say what is demanded of each type of value, and
//! the shapes are compared demand by demand. A schema accepts what meets all demands, so if every demand
//! of the new one follows from a demand of the old one, the new one accepts all that the old one
//! accepted. The converse does not hold: demands can follow from several others together, and then the
//! engine says "breaking" where nothing breaks. It errs to that side on purpose.
//!
//! Two departures from the letter, both as everybody reads contracts: nobody sends properties which a
//! schema does not name (so a new optional property is additive), and `format` is a demand.

mod array;
pub(crate) mod check;
mod notes;
mod numbers;
mod object;
mod scalar;
mod shape;
mod types;
mod union;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use self::shape::{Conj, Shape};
use self::types::Types;
use crate::document::{Document, Loc};
use crate::report::{Draft, Report};
use crate::rules::{self, Effect, Profile};

/// One change that the engine saw; the profile makes a finding of it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) slug: &'static str,
    /// Where, in the old and in the new document.
    pub(crate) at: Places,
    pub(crate) subject: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Change {
    pub(crate) fn effect(&self) -> Effect {
        rules::effect(self.slug)
    }

    /// Whether the new schema may refuse what the old one accepted.
    pub(crate) fn narrows(&self) -> bool {
        matches!(
            self.effect(),
            Effect::Narrowed | Effect::Changed | Effect::Lost
        )
    }

    /// Whether the new schema may accept what the old one refused.
    pub(crate) fn widens(&self) -> bool {
        matches!(
            self.effect(),
            Effect::Widened | Effect::Changed | Effect::Lost
        )
    }
}

/// The same place in both documents, as far as it is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) old: String,
    pub(crate) new: String,
    /// Whether the place is there no more.
    pub(crate) gone: bool,
}

/// Keywords beside `$ref` that do not make the place more than its target.
const SILENT: &[&str] = &[
    "$ref",
    "description",
    "example",
    "examples",
    "summary",
    "title",
];

/// Where the demands are written: behind plain references, so that a shared definition is told once.
fn written_at(document: &Document, conj: &[Loc<'_>]) -> Option<String> {
    let mut at = conj.iter().find(|l| !l.pointer.starts_with('<'))?.clone();
    for _ in 0..32 {
        let plain = |o: &Map<String, Value>| o.keys().all(|k| SILENT.contains(&k.as_str()));
        let target = at.text("$ref").and_then(|r| document.target(r));
        let Some(target) = target.filter(|_| at.value.as_object().is_some_and(plain)) else {
            break;
        };
        at = target;
    }
    Some(at.pointer)
}

/// Compares the schemas at two places for one use and adds what it finds to the report.
pub(crate) fn diff(
    report: &mut Report,
    profile: Profile,
    (old_document, old): (&Document, Option<Loc<'_>>),
    (new_document, new): (&Document, Option<Loc<'_>>),
    used_by: &str,
) {
    let mut seen = HashSet::new();
    if let (Some(old), Some(new)) = (&old, &new)
        && unchanged(
            (old_document, old.value),
            (new_document, new.value),
            &mut seen,
        )
    {
        return;
    }
    let mut engine = Engine {
        old: old_document,
        new: new_document,
        profile,
        in_progress: HashSet::new(),
        known: HashMap::new(),
        circles: 0,
        steps: 0,
    };
    let (old, new): (Conj<'_>, Conj<'_>) = (old.into_iter().collect(), new.into_iter().collect());
    for change in engine.compare(&old, &new, &Places::default()) {
        let gone = change.at.gone;
        let draft = Draft {
            rule: &format!("{}-{}", profile.prefix(), change.slug),
            file: if gone {
                &old_document.name
            } else {
                &new_document.name
            },
            pointer: if gone { change.at.old } else { change.at.new },
            subject: change.subject,
            before: change.before,
            after: change.after,
            used_by,
        };
        if let Some(finding) = draft.finish() {
            report.push(finding);
        }
    }
}

/// Whether the same is written at two places and wherever they refer to, which is most of two versions and
/// much faster seen than judged.
fn unchanged<'a>(
    (old_document, old): (&'a Document, &'a Value),
    (new_document, new): (&'a Document, &'a Value),
    seen: &mut HashSet<&'a str>,
) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.len() == new.len()
                && old.iter().all(|(key, old)| {
                    let Some(new) = new.get(key) else {
                        return false;
                    };
                    if !unchanged((old_document, old), (new_document, new), seen) {
                        return false;
                    }
                    match old.as_str() {
                        Some(name) if key == "$ref" && seen.insert(name) => {
                            match (old_document.target(name), new_document.target(name)) {
                                (Some(old), Some(new)) => unchanged(
                                    (old_document, old.value),
                                    (new_document, new.value),
                                    seen,
                                ),
                                (old, new) => old.is_none() && new.is_none(),
                            }
                        }
                        _ => true,
                    }
                })
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .all(|(old, new)| unchanged((old_document, old), (new_document, new), seen))
        }
        _ => old == new,
    }
}

/// A comparison under way.
pub(crate) struct Engine<'a> {
    old: &'a Document,
    new: &'a Document,
    profile: Profile,
    /// Pairs that are being compared further up; assuming that they fit is right for recursive schemas.
    in_progress: HashSet<(String, String)>,
    /// Pairs that were compared: alternatives are compared each with each, so the same pair comes up often.
    known: HashMap<(String, String), Vec<Change>>,
    /// How often a pair was met that is in progress. What was found on the way there holds for that way only.
    circles: usize,
    /// How many pairs were compared.
    steps: usize,
}

/// After so many pairs, what was found on one way counts for all: definitions that all refer to each other have
/// more ways through them than anybody can wait for. Each pair is still told once; only whether one alternative
/// takes in another can then be judged too mildly.
const EXACT_STEPS: usize = 2_000;

impl<'a> Engine<'a> {
    /// All changes from `old` to `new`, both as demands that hold at once.
    pub(crate) fn compare(
        &mut self,
        old: &[Loc<'a>],
        new: &[Loc<'a>],
        within: &Places,
    ) -> Vec<Change> {
        let key = (key_of(old), key_of(new));
        if let Some(changes) = self.known.get(&key) {
            return changes.clone();
        }
        if !self.in_progress.insert(key.clone()) {
            self.circles += 1;
            return Vec::new();
        }
        let circles = self.circles;
        self.steps += 1;
        let at = Places {
            old: written_at(self.old, old).unwrap_or_else(|| within.old.clone()),
            new: written_at(self.new, new).unwrap_or_else(|| within.new.clone()),
            gone: new.is_empty() && !old.is_empty(),
        };
        let (before, after) = (Shape::of(self.old, old), Shape::of(self.new, new));
        let pair = Pair {
            before: &before,
            after: &after,
            at: &at,
        };
        let changes = if before.unions.is_empty() && after.unions.is_empty() {
            self.plain(&pair)
        } else {
            let mut changes = self.unions(old, new, &pair);
            changes.extend(notes::compare(&pair));
            changes
        };
        self.in_progress.remove(&key);
        let changes = each_once(changes);
        // Where one side is absent, the place is that of whoever asked.
        let exact = circles == self.circles || self.steps > EXACT_STEPS;
        if exact && !old.is_empty() && !new.is_empty() {
            self.known.insert(key, changes.clone());
        }
        changes
    }

    /// Compares demands one by one, alternatives apart.
    fn plain(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        let (before, after) = (pair.before.allowed_types(), pair.after.allowed_types());
        let (was_never, is_never) = (before.is_empty(), after.is_empty());
        if was_never || is_never {
            return match (was_never, is_never) {
                (false, true) => vec![pair.change("any-value-refused", "", None, None)],
                (true, false) => vec![pair.change("any-value-allowed", "", None, None)],
                _ => Vec::new(),
            };
        }
        let mut changes = scalar::types(pair);
        let both = before.and(after);
        changes.extend(scalar::values(pair));
        changes.extend(scalars(pair, both));
        if both.has(Types::ARRAY) {
            changes.extend(self.arrays(pair));
        }
        if both.has(Types::OBJECT) {
            changes.extend(self.objects(pair));
        }
        changes.extend(self.exclusions(pair));
        changes.extend(notes::compare(pair));
        changes
    }

    /// `not` and `if`: the same on both sides, or a change that nobody can judge from outside.
    fn exclusions(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        let (before, after) = (pair.before, pair.after);
        let mut changes = Vec::new();
        let slug = match (before.nots.len(), after.nots.len()) {
            (0, 0) => None,
            (old, new) if old < new => Some("not-added"),
            (old, new) if old > new => Some("not-removed"),
            _ => {
                let pairs: Vec<_> = before
                    .nots
                    .iter()
                    .cloned()
                    .zip(after.nots.iter().cloned())
                    .collect();
                let same = pairs.into_iter().all(|(o, n)| self.same(o, n, pair.at));
                (!same).then_some("not-changed")
            }
        };
        changes.extend(slug.map(|slug| {
            let shown = |nots: &[Loc<'_>]| nots.first().map(|l| l.value.clone());
            pair.change(slug, "", shown(&before.nots), shown(&after.nots))
        }));
        let slug = match (before.conditions.len(), after.conditions.len()) {
            (0, 0) => None,
            (old, new) if old < new => Some("condition-added"),
            (old, new) if old > new => Some("condition-removed"),
            _ => (!self.same_conditions(pair)).then_some("condition-changed"),
        };
        changes.extend(slug.map(|slug| pair.change(slug, "", None, None)));
        changes
    }

    fn same_conditions(&mut self, pair: &Pair<'_, 'a>) -> bool {
        let both = pair.before.conditions.iter().zip(&pair.after.conditions);
        let both: Vec<_> = both.map(|(o, n)| (o.clone(), n.clone())).collect();
        both.into_iter().all(|(old, new)| {
            ["if", "then", "else"]
                .into_iter()
                .all(|key| match (old.get(key), new.get(key)) {
                    (Some(o), Some(n)) => self.same(o, n, pair.at),
                    (o, n) => o.is_none() && n.is_none(),
                })
        })
    }

    fn same(&mut self, old: Loc<'a>, new: Loc<'a>, at: &Places) -> bool {
        let changes = self.compare(&[old], &[new], at);
        changes.iter().all(|c| c.effect() == Effect::Told)
    }
}

/// Numbers and texts. Where one side lists its values, the list has said that way what there is to say.
fn scalars(pair: &Pair<'_, '_>, both: Types) -> Vec<Change> {
    let mut changes = Vec::new();
    if both.has(Types::NUMBER) {
        changes.extend(scalar::numbers(pair));
    }
    if both.has(Types::STRING) {
        changes.extend(scalar::strings(pair));
    }
    changes.extend(scalar::formats(pair, both));
    let (was_listed, is_listed) = (pair.before.values.is_some(), pair.after.values.is_some());
    changes.retain(|c| match (was_listed, is_listed) {
        (true, false) => c.narrows(),
        (false, true) => c.widens(),
        _ => true,
    });
    changes
}

/// Leaves out what a shared definition told on another way already.
fn each_once(changes: Vec<Change>) -> Vec<Change> {
    let mut told = HashSet::new();
    let key = |c: &Change| {
        (
            c.slug,
            c.at.old.clone(),
            c.at.new.clone(),
            c.subject.clone(),
        )
    };
    changes
        .into_iter()
        .filter(|c| told.insert(key(c)))
        .collect()
}

/// What identifies demands for the guard against endless recursion.
fn key_of(conj: &[Loc<'_>]) -> String {
    let mut parts: Vec<_> = conj
        .iter()
        .map(|l| format!("{}{}", l.pointer, if l.without_unions { "!" } else { "" }))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    parts.join("&")
}

/// Two shapes at the same place.
pub(crate) struct Pair<'s, 'a> {
    pub(crate) before: &'s Shape<'a>,
    pub(crate) after: &'s Shape<'a>,
    pub(crate) at: &'s Places,
}

impl Pair<'_, '_> {
    pub(crate) fn change(
        &self,
        slug: &'static str,
        subject: &str,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Change {
        Change {
            slug,
            at: self.at.clone(),
            subject: subject.to_owned(),
            before,
            after,
        }
    }
}
