//! Bodies of requests, and the media types of bodies in general.

use std::collections::BTreeMap;

use super::operation::Operation;
use super::{Diff, Way};
use crate::document::Loc;
use crate::rules::Profile;

/// The rules for a media type that is new, and for one that is gone.
pub(super) type MediaRules = (&'static str, &'static str);

impl<'a> Diff<'a> {
    pub(super) fn request_body(&mut self, operation: &Operation<'a>) {
        let Operation {
            way,
            old,
            new,
            label,
            ..
        } = operation;
        let was = old.get("requestBody").map(|b| self.old.resolved(b));
        let is = new.get("requestBody").map(|b| self.new.resolved(b));
        match (was, is) {
            (None, None) => {}
            (None, Some(is)) => {
                let rule = match (way, is.flag("required")) {
                    (Way::Out, _) => "webhook-body-added",
                    (Way::In, true) => "required-request-body-added",
                    (Way::In, false) => "request-body-added",
                };
                self.now(rule, &is, label, label);
            }
            (Some(was), None) => {
                let out = *way == Way::Out;
                let rule = if out {
                    "webhook-body-removed"
                } else {
                    "request-body-removed"
                };
                self.gone(rule, &was, label, label);
            }
            (Some(was), Some(is)) => {
                let rule = match (way, was.flag("required"), is.flag("required")) {
                    (Way::In, false, true) => Some("request-body-became-required"),
                    (Way::In, true, false) => Some("request-body-became-optional"),
                    (Way::Out, false, true) => Some("webhook-body-became-required"),
                    (Way::Out, true, false) => Some("webhook-body-became-optional"),
                    _ => None,
                };
                if let Some(rule) = rule {
                    self.now(rule, &is, label, label);
                }
                let rules = match way {
                    Way::In => ("request-media-type-added", "request-media-type-removed"),
                    Way::Out => ("webhook-media-type-added", "webhook-media-type-removed"),
                };
                let used_by = format!("{label}, request body");
                self.content(way.request(), rules, &was, &is, &used_by);
                self.encodings(*way, &was, &is, &used_by);
            }
        }
    }

    /// Media types and their schemas. A range such as `text/*` takes in what it covers.
    pub(super) fn content(
        &mut self,
        profile: Profile,
        (added, removed): MediaRules,
        was: &Loc<'a>,
        is: &Loc<'a>,
        used_by: &str,
    ) {
        let (old, new) = (media_types(was), media_types(is));
        for (name, before) in &old {
            match covering(&new, name) {
                Some(after) => {
                    self.schemas(profile, before.get("schema"), after.get("schema"), used_by);
                }
                None => self.gone(removed, before, &format!("`{name}`"), used_by),
            }
        }
        for (name, after) in new.iter().filter(|(n, _)| covering(&old, n).is_none()) {
            self.now(added, after, &format!("`{name}`"), used_by);
        }
    }

    fn encodings(&mut self, way: Way, was: &Loc<'a>, is: &Loc<'a>, used_by: &str) {
        if way == Way::Out {
            return;
        }
        let new = media_types(is);
        for (name, before) in media_types(was) {
            let Some(after) = new.get(&name) else {
                continue;
            };
            let now: BTreeMap<_, _> = after.members("encoding").collect();
            for (part, encoding) in before.members("encoding") {
                let after = now.get(part);
                if after.map(|e| e.value) != Some(encoding.value) {
                    let values = (Some(encoding.value.clone()), after.map(|e| e.value.clone()));
                    let subject = format!("`{part}`");
                    let rule = "request-encoding-changed";
                    self.say(
                        rule,
                        after.is_none(),
                        after.unwrap_or(&encoding),
                        &subject,
                        values,
                        used_by,
                    );
                }
            }
        }
    }
}

/// Media types without the parameters that change nothing, in lower case.
fn media_types<'a>(loc: &Loc<'a>) -> BTreeMap<String, Loc<'a>> {
    let plain = |name: &str| {
        let name = name.to_lowercase().replace(' ', "");
        name.strip_suffix(";charset=utf-8")
            .map(str::to_owned)
            .unwrap_or(name)
    };
    loc.members("content")
        .map(|(name, media)| (plain(name), media))
        .collect()
}

fn covering<'m, 'a>(types: &'m BTreeMap<String, Loc<'a>>, name: &str) -> Option<&'m Loc<'a>> {
    let range = name.split_once('/').map(|(kind, _)| format!("{kind}/*"));
    types
        .get(name)
        .or_else(|| types.get(&range?))
        .or_else(|| types.get("*/*"))
}
