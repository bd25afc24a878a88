//! Lists: lengths, items, what they must contain.

use super::scalar::{at_least, at_most};
use super::shape::{Arrays, Conj};
use super::{Change, Engine, Pair};

impl<'a> Engine<'a> {
    pub(super) fn arrays(&mut self, pair: &Pair<'_, 'a>) -> Vec<Change> {
        let (before, after) = (&pair.before.arrays, &pair.after.arrays);
        let mut changes = Vec::new();
        changes.extend(at_least(
            pair,
            ("min-items-raised", "min-items-lowered"),
            before.min,
            after.min,
        ));
        changes.extend(at_most(
            pair,
            ("max-items-lowered", "max-items-raised"),
            before.max,
            after.max,
        ));
        match (before.unique, after.unique) {
            (false, true) => changes.push(pair.change("unique-items-required", "", None, None)),
            (true, false) => changes.push(pair.change("unique-items-lifted", "", None, None)),
            _ => {}
        }
        // Position by position, and one past the end of both for all others.
        for i in 0..=before.prefix.len().max(after.prefix.len()) {
            let (old, new) = (item(before, i), item(after, i));
            changes.extend(self.compare(old, new, pair.at));
        }
        changes.extend(self.contains(pair));
        changes
    }

    fn contains(&mut self, pair: &Pair<'_, 'a>) -> Option<Change> {
        let (before, after) = (&pair.before.arrays, &pair.after.arrays);
        let slug = match (before.contains.len(), after.contains.len()) {
            (0, 0) => return None,
            (0, _) => "contains-added",
            (_, 0) => "contains-removed",
            _ => {
                let changes = self.compare(&before.contains, &after.contains, pair.at);
                let same = !changes.iter().any(|c| c.narrows() || c.widens());
                if same && before.contains_bounds == after.contains_bounds {
                    return None;
                }
                "contains-changed"
            }
        };
        let shown = |c: &Conj<'_>| c.first().map(|l| l.value.clone());
        Some(pair.change(slug, "", shown(&before.contains), shown(&after.contains)))
    }
}

fn item<'s, 'a>(arrays: &'s Arrays<'a>, i: usize) -> &'s Conj<'a> {
    arrays.prefix.get(i).unwrap_or(&arrays.items)
}
