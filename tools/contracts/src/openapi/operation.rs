//! Operations: which there are, how long they stay, and what belongs to each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::load::METHODS;
use super::{Diff, Way, template_names};
use crate::document::Loc;

/// The same operation in both documents.
pub(super) struct Operation<'a> {
    pub(super) way: Way,
    pub(super) old: Loc<'a>,
    pub(super) new: Loc<'a>,
    pub(super) old_item: Loc<'a>,
    pub(super) new_item: Loc<'a>,
    /// New names of renamed path parameters by the old ones.
    pub(super) renamed: BTreeMap<&'a str, &'a str>,
    /// `POST /orders`.
    pub(super) label: String,
}

impl<'a> Diff<'a> {
    pub(super) fn operations(
        &mut self,
        way: Way,
        (old_path, old_item): (&'a str, &Loc<'a>),
        (path, new_item): (&'a str, &Loc<'a>),
    ) {
        let old_item = self.old.resolved(old_item.clone());
        let new_item = self.new.resolved(new_item.clone());
        let renamed: BTreeMap<_, _> = template_names(old_path)
            .into_iter()
            .zip(template_names(path))
            .collect();
        for method in METHODS {
            let label = format!("{} {path}", method.to_uppercase());
            match (old_item.get(method), new_item.get(method)) {
                (None, None) => {}
                (Some(old), None) if way == Way::In => self.operation_removed(&label, &old),
                (Some(old), None) => self.gone("webhook-method-removed", &old, &label, &label),
                (None, Some(new)) if way == Way::In => {
                    self.now("operation-added", &new, &label, &label);
                }
                (None, Some(new)) => self.now("webhook-method-added", &new, &label, &label),
                (Some(old), Some(new)) => self.operation(&Operation {
                    way,
                    old,
                    new,
                    old_item: old_item.clone(),
                    new_item: new_item.clone(),
                    renamed: renamed.clone(),
                    label,
                }),
            }
        }
    }

    pub(super) fn operation_removed(&mut self, label: &str, old: &Loc<'a>) {
        let sunset = old.text("x-sunset").filter(|_| old.flag("deprecated"));
        let rule = match sunset {
            Some(day) if day <= self.options.today.as_str() => "operation-removed-after-sunset",
            Some(_) => "operation-removed-before-sunset",
            None => "operation-removed",
        };
        let before = sunset.map(|day| Value::from(format!("sunset on {day}")));
        self.say(rule, true, old, label, (before, None), label);
    }

    fn operation(&mut self, operation: &Operation<'a>) {
        self.lifetime(operation);
        self.names(operation);
        self.parameters(operation);
        self.request_body(operation);
        self.responses(operation);
        if operation.way == Way::In {
            self.security(operation);
            self.error_codes(operation);
        }
        self.callbacks(operation);
    }

    fn lifetime(&mut self, operation: &Operation<'a>) {
        let Operation {
            old, new, label, ..
        } = operation;
        match (old.flag("deprecated"), new.flag("deprecated")) {
            (false, true) => self.now("operation-deprecated", new, label, label),
            (true, false) => self.now("operation-undeprecated", new, label, label),
            _ => {}
        }
        if let (Some(was), Some(is)) = (old.text("x-sunset"), new.text("x-sunset"))
            && is < was
        {
            let days = (Some(Value::from(was)), Some(Value::from(is)));
            self.say("operation-sunset-earlier", false, new, label, days, label);
        }
    }

    fn names(&mut self, operation: &Operation<'a>) {
        let Operation {
            old, new, label, ..
        } = operation;
        let (was, is) = (old.text("operationId"), new.text("operationId"));
        let rule = match (was, is) {
            (None, Some(_)) => Some("operation-id-added"),
            (Some(_), None) => Some("operation-id-removed"),
            (Some(a), Some(b)) if a != b => Some("operation-id-changed"),
            _ => None,
        };
        if let Some(rule) = rule {
            let ids = (was.map(Value::from), is.map(Value::from));
            self.say(rule, false, new, label, ids, label);
        }
        let tags = |l: &Loc<'a>| texts(l, "tags");
        let (was, is) = (tags(old), tags(new));
        for tag in is.difference(&was) {
            self.now("tag-added", new, &format!("`{tag}`"), label);
        }
        for tag in was.difference(&is) {
            self.now("tag-removed", new, &format!("`{tag}`"), label);
        }
    }

    fn error_codes(&mut self, operation: &Operation<'a>) {
        let Operation {
            old, new, label, ..
        } = operation;
        let (was, is) = (texts(old, "x-error-codes"), texts(new, "x-error-codes"));
        for code in is.difference(&was) {
            self.now("error-code-added", new, &format!("`{code}`"), label);
        }
        for code in was.difference(&is) {
            self.now("error-code-removed", new, &format!("`{code}`"), label);
        }
    }

    fn callbacks(&mut self, operation: &Operation<'a>) {
        let Operation {
            old, new, label, ..
        } = operation;
        let (was, is): (BTreeMap<_, _>, BTreeMap<_, _>) = (
            old.members("callbacks").collect(),
            new.members("callbacks").collect(),
        );
        for (name, callback) in &was {
            match is.get(name) {
                None => self.gone("callback-removed", callback, &format!("`{name}`"), label),
                Some(now) => self.callback(callback, now, label),
            }
        }
        for (name, callback) in is.iter().filter(|(n, _)| !was.contains_key(*n)) {
            self.now("callback-added", callback, &format!("`{name}`"), label);
        }
    }

    fn callback(&mut self, old: &Loc<'a>, new: &Loc<'a>, label: &str) {
        let old = self.old.resolved(old.clone());
        let new = self.new.resolved(new.clone());
        let keys = |l: &Loc<'a>| -> BTreeSet<&'a str> {
            let names = l.value.as_object().into_iter().flat_map(|o| o.keys());
            names
                .map(String::as_str)
                .filter(|n| !n.starts_with("x-"))
                .collect()
        };
        let (was, is) = (keys(&old), keys(&new));
        for url in was.union(&is).copied() {
            match (old.get(url), new.get(url)) {
                (Some(before), Some(after)) => {
                    self.operations(Way::Out, (url, &before), (url, &after));
                }
                (Some(before), None) => {
                    self.gone("callback-removed", &before, &format!("`{url}`"), label);
                }
                (None, Some(after)) => {
                    self.now("callback-added", &after, &format!("`{url}`"), label);
                }
                (None, None) => {}
            }
        }
    }
}

/// The texts of a list.
fn texts<'a>(loc: &Loc<'a>, key: &str) -> BTreeSet<&'a str> {
    loc.items(key).filter_map(|l| l.value.as_str()).collect()
}
