//! Objects: which properties there are, must be, and may be.

use std::collections::BTreeSet;

use super::scalar::{at_least, at_most};
use super::shape::{Additional, Conj, Objects, Shape};
use super::{Change, Engine, Pair, Places};
use crate::document::{Loc, escaped};
use crate::rules::Profile;

impl<'a> Engine<'a> {
    pub(super) fn objects(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        let (before, after) = (&pair.before.objects, &pair.after.objects);
        let mut changes = Vec::new();
        let names: BTreeSet<&str> = before
            .properties
            .keys()
            .chain(after.properties.keys())
            .chain(&before.required)
            .chain(&after.required)
            .copied()
            .collect();
        for name in names {
            changes.extend(self.property(pair, name));
        }
        changes.extend(self.additional(pair));
        changes.extend(self.pattern_properties(pair));
        changes.extend(at_least(
            pair,
            ("min-properties-raised", "min-properties-lowered"),
            before.min,
            after.min,
        ));
        changes.extend(at_most(
            pair,
            ("max-properties-lowered", "max-properties-raised"),
            before.max,
            after.max,
        ));
        changes.extend(self.compare(&before.names, &after.names, pair.at));
        changes.extend(dependencies(pair));
        let nothing = Vec::new();
        let keys: BTreeSet<_> = before
            .dependent
            .keys()
            .chain(after.dependent.keys())
            .collect();
        for key in keys {
            let old = before.dependent.get(key).unwrap_or(&nothing);
            let new = after.dependent.get(key).unwrap_or(&nothing);
            changes.extend(self.compare(old, new, pair.at));
        }
        changes
    }

    fn property(&mut self, pair: &Pair<'_, 'a>, name: &'a str) -> Vec<Change> {
        let (before, after) = (&pair.before.objects, &pair.after.objects);
        let (old, new) = (before.properties.get(name), after.properties.get(name));
        if self.not_sent(self.old, old)
            && self.not_sent(self.new, new)
            && old.is_some()
            && new.is_some()
        {
            return Vec::new();
        }
        match (old, new) {
            (Some(old), Some(new)) => {
                let mut changes = self.compare(old, new, pair.at);
                changes.extend(self.requiredness(pair, name, old, new));
                changes
            }
            (None, Some(new)) => self.added(pair, name, new),
            (Some(old), None) => self.removed(pair, name, old),
            // Named by `required` alone: its schema is that of all others.
            (None, None) => self
                .requiredness(pair, name, &Vec::new(), &Vec::new())
                .into_iter()
                .collect(),
        }
    }

    /// Whether the property takes no part in this direction.
    fn not_sent(&self, document: &'a crate::document::Document, schema: Option<&Conj<'a>>) -> bool {
        let Some(schema) = schema else { return true };
        match self.profile {
            Profile::Request => Shape::of(document, schema).notes.read_only,
            Profile::Response => Shape::of(document, schema).notes.write_only,
            Profile::Event | Profile::Setting => false,
        }
    }

    fn requiredness(
        &self,
        pair: &Pair<'_, 'a>,
        name: &str,
        old: &Conj<'a>,
        new: &Conj<'a>,
    ) -> Option<Change> {
        // `required` beside readOnly binds answers only, beside writeOnly requests only.
        let bound = |objects: &Objects<'_>, document, schema: &Conj<'a>| {
            let sent = schema.is_empty() || !self.not_sent(document, Some(schema));
            sent && objects.required.contains(name)
        };
        let was = bound(&pair.before.objects, self.old, old);
        let is = bound(&pair.after.objects, self.new, new);
        let slug = match (was, is) {
            (false, true) => "property-became-required",
            (true, false) => "property-became-optional",
            _ => return None,
        };
        let mut change = pair.change(slug, &format!("`{name}`"), None, None);
        change.at = of_property(pair.at, name, old, new);
        Some(change)
    }

    fn added(&mut self, pair: &Pair<'_, 'a>, name: &str, new: &Conj<'a>) -> Vec<Change> {
        let before = &pair.before.objects;
        let nothing = Vec::new();
        let at = of_property(pair.at, name, &nothing, new);
        let sent = !self.not_sent(self.new, Some(new));
        let was_required = before.required.contains(name);
        let newly_required = sent && !was_required && pair.after.objects.required.contains(name);
        let mut changes = match &before.additional {
            Additional::Typed(others) => self.compare(others, new, &at),
            _ => Vec::new(),
        };
        let mut say = |slug| {
            let mut change = pair.change(slug, &format!("`{name}`"), None, shown(new));
            change.at = at.clone();
            changes.push(change);
        };
        let closed = matches!(before.additional, Additional::Closed);
        if newly_required {
            let filled = Shape::of(self.new, new).notes.default.is_some();
            say(if filled {
                "required-property-with-default-added"
            } else {
                "required-property-added"
            });
        }
        if closed && sent {
            say("property-added-closed");
        } else if !newly_required
            && !was_required
            && !matches!(before.additional, Additional::Typed(_))
        {
            say("property-added");
        }
        changes
    }

    fn removed(&mut self, pair: &Pair<'_, 'a>, name: &str, old: &Conj<'a>) -> Vec<Change> {
        let (before, after) = (&pair.before.objects, &pair.after.objects);
        let nothing = Vec::new();
        if let Additional::Typed(others) = &after.additional {
            let at = of_property(pair.at, name, old, &nothing);
            let mut changes = self.compare(old, others, &at);
            changes.extend(self.requiredness(pair, name, old, &nothing));
            return changes;
        }
        if self.not_sent(self.old, Some(old)) {
            return Vec::new();
        }
        let closed = matches!(after.additional, Additional::Closed);
        let slug = match (before.required.contains(name), closed) {
            (false, false) => "property-removed",
            (true, false) => "required-property-removed",
            (false, true) => "property-refused",
            (true, true) => "required-property-refused",
        };
        let mut change = pair.change(slug, &format!("`{name}`"), shown(old), None);
        change.at = of_property(pair.at, name, old, &nothing);
        let mut changes = vec![change];
        if after.required.contains(name) != before.required.contains(name) {
            changes.extend(
                self.requiredness(pair, name, &nothing, &nothing)
                    .filter(Change::narrows),
            );
        }
        changes
    }

    fn additional(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        use Additional::{Closed, Open, Typed};
        let slug = match (
            &pair.before.objects.additional,
            &pair.after.objects.additional,
        ) {
            (Open, Open) | (Closed, Closed) => return Vec::new(),
            (Typed(old), Typed(new)) => return self.compare(old, new, pair.at),
            (_, Closed) => "object-closed",
            (Closed, _) => "object-opened",
            (Open, Typed(_)) => "additional-narrowed",
            (Typed(_), Open) => "additional-widened",
        };
        vec![pair.change(slug, "", None, None)]
    }

    fn pattern_properties(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        let (before, after) = (&pair.before.objects.patterns, &pair.after.objects.patterns);
        let mut changes = Vec::new();
        let patterns: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for pattern in patterns {
            let subject = format!("`{pattern}`");
            match (before.get(pattern), after.get(pattern)) {
                (Some(old), Some(new)) => changes.extend(self.compare(old, new, pair.at)),
                (Some(old), None) => {
                    let slug = "pattern-properties-removed";
                    changes.push(pair.change(slug, &subject, shown(old), None));
                }
                (None, new) => {
                    let new = new.map(Vec::as_slice).and_then(shown);
                    changes.push(pair.change("pattern-properties-added", &subject, None, new));
                }
            }
        }
        changes
    }
}

fn dependencies(pair: &Pair<'_, '_>) -> Vec<Change> {
    let before = &pair.before.objects.dependent_required;
    let after = &pair.after.objects.dependent_required;
    let say = |slug, (from, to): &(&str, &str)| {
        pair.change(slug, &format!("`{from}` demands `{to}`"), None, None)
    };
    let new = after
        .difference(before)
        .map(|d| say("dependent-required-added", d));
    let gone = before
        .difference(after)
        .map(|d| say("dependent-required-removed", d));
    new.chain(gone).collect()
}

/// Where the property is; where it would be, on the side that does not have it.
fn of_property(at: &Places, name: &str, old: &[Loc<'_>], new: &[Loc<'_>]) -> Places {
    let pointer = |conj: &[Loc<'_>], base: &str| {
        let would_be = || format!("{base}/properties/{}", escaped(name));
        conj.first().map_or_else(would_be, |l| l.pointer.clone())
    };
    Places {
        old: pointer(old, &at.old),
        new: pointer(new, &at.new),
        gone: new.is_empty() && !old.is_empty(),
    }
}

fn shown(conj: &[Loc<'_>]) -> Option<serde_json::Value> {
    conj.first().map(|l| l.value.clone())
}
