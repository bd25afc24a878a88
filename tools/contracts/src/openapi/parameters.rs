//! Parameters of operations; those of the path item count for each operation that does not override them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::Operation;
use super::{Diff, Way};
use crate::document::{Document, Loc};

/// Parameters by where they are sent and their name.
type Parameters<'a> = BTreeMap<(String, String), Loc<'a>>;

impl<'a> Diff<'a> {
    pub(super) fn parameters(&mut self, operation: &Operation<'a>) {
        let mut old = gathered(self.old, &operation.old_item, &operation.old);
        let new = gathered(self.new, &operation.new_item, &operation.new);
        for (was, is) in operation.renamed.iter().filter(|(a, b)| a != b) {
            if let Some(parameter) = old.remove(&("path".to_owned(), (*was).to_owned())) {
                old.insert(("path".to_owned(), (*is).to_owned()), parameter);
            }
        }
        let label = &operation.label;
        let mut moved = Vec::new();
        for (key, was) in &old {
            match new.get(key) {
                Some(is) => self.parameter(operation.way, key, was, is, label),
                None => {
                    moved.extend(self.parameter_gone(operation.way, key, was, &new, &old, label));
                }
            }
        }
        for (key, is) in &new {
            if !old.contains_key(key) && !moved.contains(key) {
                self.parameter_new(operation.way, key, is, label);
            }
        }
    }

    /// Says that a parameter is gone; gives its new key when it only moved.
    fn parameter_gone(
        &mut self,
        way: Way,
        key: &(String, String),
        was: &Loc<'a>,
        new: &Parameters<'a>,
        old: &Parameters<'a>,
        label: &str,
    ) -> Option<(String, String)> {
        let (place, name) = key;
        let subject = format!("`{name}` in {place}");
        if way == Way::Out {
            self.gone("webhook-parameter-removed", was, &subject, label);
            return None;
        }
        let elsewhere =
            |(k, _): &(&(String, String), &Loc<'a>)| k.1 == *name && !old.contains_key(*k);
        if let Some((to, is)) = new.iter().find(elsewhere) {
            let places = (
                Some(Value::from(place.as_str())),
                Some(Value::from(to.0.as_str())),
            );
            self.say(
                "request-parameter-moved",
                false,
                is,
                &subject,
                places,
                label,
            );
            self.parameter(way, to, was, is, label);
            return Some(to.clone());
        }
        let rule = if was.flag("deprecated") {
            "deprecated-request-parameter-removed"
        } else {
            "request-parameter-removed"
        };
        self.gone(rule, was, &subject, label);
        None
    }

    fn parameter_new(
        &mut self,
        way: Way,
        (place, name): &(String, String),
        is: &Loc<'a>,
        label: &str,
    ) {
        let filled = is.get("schema").map(|s| self.new.resolved(s));
        let filled = filled.is_some_and(|s| s.get("default").is_some());
        let rule = match (way, is.flag("required")) {
            (Way::Out, _) => "webhook-parameter-added",
            (Way::In, true) if filled => "required-request-parameter-with-default-added",
            (Way::In, true) => "required-request-parameter-added",
            (Way::In, false) => "request-parameter-added",
        };
        self.now(rule, is, &format!("`{name}` in {place}"), label);
    }

    fn parameter(
        &mut self,
        way: Way,
        (place, name): &(String, String),
        was: &Loc<'a>,
        is: &Loc<'a>,
        label: &str,
    ) {
        let subject = format!("`{name}` in {place}");
        let rule = match (way, was.flag("required"), is.flag("required")) {
            (Way::In, false, true) => Some("request-parameter-became-required"),
            (Way::In, true, false) => Some("request-parameter-became-optional"),
            (Way::Out, false, true) => Some("webhook-parameter-became-required"),
            (Way::Out, true, false) => Some("webhook-parameter-became-optional"),
            _ => None,
        };
        if let Some(rule) = rule {
            self.now(rule, is, &subject, label);
        }
        if way == Way::In {
            self.serialization(was, is, &subject, label);
            self.parameter_flags(was, is, &subject, label);
        }
        self.parameter_schema(way, was, is, &subject, label);
    }

    fn serialization(&mut self, was: &Loc<'a>, is: &Loc<'a>, subject: &str, label: &str) {
        // What moved is written as the new place demands, which the move says already.
        if was.text("in") != is.text("in") {
            return;
        }
        let (old, new) = (style(was), style(is));
        if old != new {
            let styles = (Some(Value::from(old)), Some(Value::from(new)));
            self.say(
                "request-parameter-style-changed",
                false,
                is,
                subject,
                styles,
                label,
            );
        }
        let (old, new) = (explode(was), explode(is));
        if old != new {
            let both = (Some(Value::from(old)), Some(Value::from(new)));
            self.say(
                "request-parameter-explode-changed",
                false,
                is,
                subject,
                both,
                label,
            );
        }
    }

    fn parameter_flags(&mut self, was: &Loc<'a>, is: &Loc<'a>, subject: &str, label: &str) {
        let flags = [
            (
                "deprecated",
                "request-parameter-deprecated",
                "request-parameter-undeprecated",
            ),
            (
                "allowReserved",
                "request-parameter-reserved-allowed",
                "request-parameter-reserved-refused",
            ),
            (
                "allowEmptyValue",
                "request-parameter-empty-allowed",
                "request-parameter-empty-refused",
            ),
        ];
        for (flag, set, cleared) in flags {
            match (was.flag(flag), is.flag(flag)) {
                (false, true) => self.now(set, is, subject, label),
                (true, false) => self.now(cleared, is, subject, label),
                _ => {}
            }
        }
    }

    fn parameter_schema(
        &mut self,
        way: Way,
        was: &Loc<'a>,
        is: &Loc<'a>,
        subject: &str,
        label: &str,
    ) {
        let used_by = format!("{label}, {subject}");
        let (old, new) = (content(was), content(is));
        let (old_type, new_type) = (old.as_ref().map(|c| c.0), new.as_ref().map(|c| c.0));
        if old_type != new_type {
            let types = (old_type.map(Value::from), new_type.map(Value::from));
            self.say(
                "request-parameter-content-changed",
                false,
                is,
                subject,
                types,
                label,
            );
            return;
        }
        let of = |content: Option<(&'a str, Loc<'a>)>, plain: &Loc<'a>| match content {
            Some((_, media)) => media.get("schema"),
            None => plain.get("schema"),
        };
        self.schemas(way.request(), of(old, was), of(new, is), &used_by);
    }
}

fn content<'a>(parameter: &Loc<'a>) -> Option<(&'a str, Loc<'a>)> {
    parameter.members("content").next()
}

fn gathered<'a>(document: &'a Document, item: &Loc<'a>, operation: &Loc<'a>) -> Parameters<'a> {
    let all = item
        .items("parameters")
        .chain(operation.items("parameters"));
    all.map(|p| document.resolved(p))
        .filter_map(|p| {
            let place = p.text("in")?.to_owned();
            let name = p.text("name")?;
            // Header names are the same in whatever case.
            let name = if place == "header" {
                name.to_lowercase()
            } else {
                name.to_owned()
            };
            // OpenAPI says that parameters of these names are not looked at.
            let ignored = ["accept", "content-type", "authorization"].contains(&name.as_str());
            (place != "header" || !ignored).then_some(((place, name), p))
        })
        .collect()
}

fn style<'a>(parameter: &Loc<'a>) -> &'a str {
    parameter
        .text("style")
        .unwrap_or(match parameter.text("in") {
            Some("query" | "cookie") => "form",
            _ => "simple",
        })
}

fn explode(parameter: &Loc<'_>) -> bool {
    let told = parameter.value.get("explode").and_then(Value::as_bool);
    told.unwrap_or_else(|| style(parameter) == "form")
}
