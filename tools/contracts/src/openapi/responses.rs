//! Answers: statuses, media types, headers, links.

use std::collections::BTreeMap;

use super::operation::Operation;
use super::{Diff, Way};
use crate::document::Loc;

impl<'a> Diff<'a> {
    pub(super) fn responses(&mut self, operation: &Operation<'a>) {
        let Operation {
            way,
            old,
            new,
            label,
            ..
        } = operation;
        let find = |l: &Loc<'a>| -> BTreeMap<&'a str, Loc<'a>> {
            l.members("responses")
                .filter(|(s, _)| !s.starts_with("x-"))
                .collect()
        };
        let (was, is) = (find(old), find(new));
        for (status, before) in &was {
            match covering(&is, status) {
                Some(after) => self.response(*way, status, before, after, label),
                None => {
                    let rule = removed(*way, status);
                    self.gone(rule, before, &format!("`{status}`"), label);
                }
            }
        }
        for (status, after) in is.iter().filter(|(s, _)| covering(&was, s).is_none()) {
            let rule = added(*way, status);
            self.now(rule, after, &format!("`{status}`"), label);
        }
    }

    fn response(&mut self, way: Way, status: &str, was: &Loc<'a>, is: &Loc<'a>, label: &str) {
        let was = self.old.resolved(was.clone());
        let is = self.new.resolved(is.clone());
        let used_by = format!("{label}, response {status}");
        let (empty_before, empty_now) = (
            was.members("content").next().is_none(),
            is.members("content").next().is_none(),
        );
        if way == Way::In && empty_before && !empty_now {
            self.now("response-body-added", &is, &format!("`{status}`"), label);
        } else {
            let rules = match way {
                Way::In => ("response-media-type-added", "response-media-type-removed"),
                Way::Out => (
                    "webhook-response-media-type-added",
                    "webhook-response-media-type-removed",
                ),
            };
            self.content(way.response(), rules, &was, &is, &used_by);
        }
        if way == Way::In {
            self.headers(&was, &is, &used_by);
            self.links(&was, &is, &used_by);
        }
    }

    fn headers(&mut self, was: &Loc<'a>, is: &Loc<'a>, used_by: &str) {
        let find = |l: &Loc<'a>| -> BTreeMap<String, Loc<'a>> {
            l.members("headers")
                .map(|(n, h)| (n.to_lowercase(), h))
                .collect()
        };
        let (old, new) = (find(was), find(is));
        for (name, before) in &old {
            let before = self.old.resolved(before.clone());
            let subject = format!("`{name}`");
            match new.get(name) {
                None if before.flag("required") => {
                    self.gone(
                        "required-response-header-removed",
                        &before,
                        &subject,
                        used_by,
                    );
                }
                None => self.gone("response-header-removed", &before, &subject, used_by),
                Some(after) => {
                    let after = self.new.resolved(after.clone());
                    self.header(&before, &after, &subject, used_by);
                }
            }
        }
        for (name, after) in new.iter().filter(|(n, _)| !old.contains_key(*n)) {
            self.now(
                "response-header-added",
                after,
                &format!("`{name}`"),
                used_by,
            );
        }
    }

    fn header(&mut self, was: &Loc<'a>, is: &Loc<'a>, subject: &str, used_by: &str) {
        match (was.flag("required"), is.flag("required")) {
            (true, false) => self.now("response-header-became-optional", is, subject, used_by),
            (false, true) => self.now("response-header-became-required", is, subject, used_by),
            _ => {}
        }
        if is.flag("deprecated") && !was.flag("deprecated") {
            self.now("response-header-deprecated", is, subject, used_by);
        }
        let used_by = format!("{used_by}, header {subject}");
        let profile = Way::In.response();
        let schema = |header: &Loc<'a>| {
            let content = header.members("content").next();
            content.map_or_else(|| header.get("schema"), |(_, media)| media.get("schema"))
        };
        self.schemas(profile, schema(was), schema(is), &used_by);
    }

    fn links(&mut self, was: &Loc<'a>, is: &Loc<'a>, used_by: &str) {
        let find = |l: &Loc<'a>| l.members("links").collect::<BTreeMap<_, _>>();
        let (old, new) = (find(was), find(is));
        for (name, link) in old.iter().filter(|(n, _)| !new.contains_key(*n)) {
            self.gone("response-link-removed", link, &format!("`{name}`"), used_by);
        }
        for (name, link) in new.iter().filter(|(n, _)| !old.contains_key(*n)) {
            self.now("response-link-added", link, &format!("`{name}`"), used_by);
        }
    }
}

/// The answer for a status: its own, or that of its class. `default` is not taken for an answer that was
/// described by itself.
fn covering<'m, 'a>(
    responses: &'m BTreeMap<&'a str, Loc<'a>>,
    status: &str,
) -> Option<&'m Loc<'a>> {
    let class = status.get(..1).map(|digit| format!("{digit}XX"));
    responses
        .get(status)
        .or_else(|| responses.get(class?.as_str()))
}

fn removed(way: Way, status: &str) -> &'static str {
    match (way, status.as_bytes().first()) {
        (Way::Out, _) => "webhook-response-removed",
        (Way::In, Some(b'd')) => "response-fallback-removed",
        (Way::In, Some(b'4' | b'5')) => "response-error-status-removed",
        (Way::In, _) => "response-success-status-removed",
    }
}

fn added(way: Way, status: &str) -> &'static str {
    match (way, status.as_bytes().first()) {
        (Way::Out, _) => "webhook-response-added",
        (Way::In, Some(b'd')) => "response-fallback-added",
        (Way::In, Some(b'4' | b'5')) => "response-error-status-added",
        (Way::In, _) => "response-success-status-added",
    }
}
