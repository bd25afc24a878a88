//! Who is let in: requirements of operations and the schemes behind them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Diff;
use super::operation::Operation;
use crate::document::{Document, Loc};

/// Schemes that are needed together, with their scopes. Empty lets everybody in.
type Alternative<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

impl<'a> Diff<'a> {
    pub(super) fn security(&mut self, operation: &Operation<'a>) {
        let Operation {
            old, new, label, ..
        } = operation;
        let was = alternatives(self.old, old);
        let is = alternatives(self.new, new);
        let (open_before, open_now) = (lets_in_anyone(&was), lets_in_anyone(&is));
        match (open_before, open_now) {
            (true, false) => return self.now("security-required", new, label, label),
            (false, true) => return self.now("security-lifted", new, label, label),
            (true, true) => return,
            (false, false) => {}
        }
        let mut matched = BTreeSet::new();
        for alternative in &was {
            if is.iter().any(|other| satisfies(alternative, other)) {
                continue;
            }
            let same_schemes = |other: &&Alternative<'_>| other.keys().eq(alternative.keys());
            match is.iter().find(same_schemes) {
                Some(other) => {
                    matched.insert(named(other));
                    self.scopes("security-scope-added", other, alternative, operation);
                }
                None => {
                    let subject = format!("`{}`", named(alternative));
                    self.gone("security-alternative-removed", old, &subject, label);
                }
            }
        }
        for alternative in &is {
            if matched.contains(&named(alternative)) || was.contains(alternative) {
                continue;
            }
            let same_schemes = |other: &&Alternative<'_>| other.keys().eq(alternative.keys());
            match was.iter().find(same_schemes) {
                Some(other) => self.scopes("security-scope-removed", other, alternative, operation),
                None => {
                    let subject = format!("`{}`", named(alternative));
                    self.now("security-alternative-added", new, &subject, label);
                }
            }
        }
    }

    /// Says which scopes `more` has that `less` lacks.
    fn scopes(
        &mut self,
        rule: &str,
        more: &Alternative<'a>,
        less: &Alternative<'a>,
        operation: &Operation<'a>,
    ) {
        for (scheme, scopes) in more {
            let known = less.get(scheme).cloned().unwrap_or_default();
            for scope in scopes.difference(&known) {
                let subject = format!("`{scope}` of `{scheme}`");
                self.now(rule, &operation.new, &subject, &operation.label);
            }
        }
    }

    pub(super) fn security_schemes(&mut self) {
        let find = |d: &'a Document| -> BTreeMap<&'a str, Loc<'a>> {
            let components = d.root().get("components");
            let schemes = components
                .into_iter()
                .flat_map(|c| c.members("securitySchemes"));
            schemes
                .map(|(name, scheme)| (name, d.resolved(scheme)))
                .collect()
        };
        let (old, new) = (find(self.old), find(self.new));
        for (name, was) in &old {
            match new.get(name) {
                None => self.gone(
                    "security-scheme-removed",
                    was,
                    &format!("`{name}`"),
                    "security",
                ),
                Some(is) => self.scheme(name, was, is),
            }
        }
        for (name, is) in new.iter().filter(|(n, _)| !old.contains_key(*n)) {
            self.now(
                "security-scheme-added",
                is,
                &format!("`{name}`"),
                "security",
            );
        }
    }

    fn scheme(&mut self, name: &str, was: &Loc<'a>, is: &Loc<'a>) {
        let subject = format!("`{name}`");
        let rules = [
            ("type", "security-scheme-type-changed"),
            ("scheme", "security-scheme-type-changed"),
            ("in", "security-scheme-location-changed"),
            ("name", "security-scheme-location-changed"),
            ("bearerFormat", "security-scheme-format-changed"),
            ("openIdConnectUrl", "oauth-url-changed"),
        ];
        for (key, rule) in rules {
            self.text_changed(rule, key, was, is, &subject);
        }
        let flows = |l: &Loc<'a>| l.members("flows").collect::<BTreeMap<_, _>>();
        let (old, new) = (flows(was), flows(is));
        for (flow, before) in &old {
            match new.get(flow) {
                None => self.gone(
                    "oauth-flow-removed",
                    before,
                    &format!("`{flow}`"),
                    "security",
                ),
                Some(after) => self.flow(before, after),
            }
        }
        for (flow, after) in new.iter().filter(|(f, _)| !old.contains_key(*f)) {
            self.now("oauth-flow-added", after, &format!("`{flow}`"), "security");
        }
    }

    fn text_changed(&mut self, rule: &str, key: &str, was: &Loc<'a>, is: &Loc<'a>, subject: &str) {
        // Names of HTTP schemes are the same in whatever case.
        let text = |l: &Loc<'a>| {
            l.text(key).map(|t| {
                if key == "scheme" {
                    t.to_lowercase()
                } else {
                    t.to_owned()
                }
            })
        };
        let (old, new) = (text(was), text(is));
        if old != new {
            let values = (old.map(Value::from), new.map(Value::from));
            self.say(rule, false, is, subject, values, "security");
        }
    }

    fn flow(&mut self, was: &Loc<'a>, is: &Loc<'a>) {
        for key in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
            self.text_changed("oauth-url-changed", key, was, is, &format!("`{key}`"));
        }
        let scopes = |l: &Loc<'a>| l.members("scopes").map(|(s, _)| s).collect::<BTreeSet<_>>();
        let (old, new) = (scopes(was), scopes(is));
        for scope in old.difference(&new) {
            self.gone(
                "oauth-scope-removed",
                was,
                &format!("`{scope}`"),
                "security",
            );
        }
        for scope in new.difference(&old) {
            self.now("oauth-scope-added", is, &format!("`{scope}`"), "security");
        }
    }
}

/// The operation's own alternatives, else those of the document.
fn alternatives<'a>(document: &'a Document, operation: &Loc<'a>) -> Vec<Alternative<'a>> {
    let root = document.root();
    let at = if operation.get("security").is_some() {
        operation
    } else {
        &root
    };
    at.items("security").map(|l| alternative(&l)).collect()
}

fn alternative<'a>(loc: &Loc<'a>) -> Alternative<'a> {
    let schemes = loc.value.as_object().into_iter().flatten();
    let scopes = |v: &'a Value| -> BTreeSet<&'a str> {
        v.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    schemes
        .map(|(name, list)| (name.as_str(), scopes(list)))
        .collect()
}

fn lets_in_anyone(alternatives: &[Alternative<'_>]) -> bool {
    alternatives.is_empty() || alternatives.iter().any(BTreeMap::is_empty)
}

/// Whether a caller that fulfils `held` fulfils `needed` too.
fn satisfies(held: &Alternative<'_>, needed: &Alternative<'_>) -> bool {
    needed
        .iter()
        .all(|(scheme, scopes)| held.get(scheme).is_some_and(|h| scopes.is_subset(h)))
}

fn named(alternative: &Alternative<'_>) -> String {
    alternative
        .keys()
        .copied()
        .collect::<Vec<_>>()
        .join(" with ")
}
