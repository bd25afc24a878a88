//! What a change of an OpenAPI document does to callers, receivers of webhooks, and generated clients.
//!
//! The documents are compared as plain JSON and not through typed models (`oas3`, `openapiv3`): those
//! leave out what they do not know and normalise what they read, so that a finding could not name the
//! place in the file, and a keyword that a model lacks would vanish from the comparison.

mod body;
pub(crate) mod load;
mod operation;
mod parameters;
mod responses;
mod security;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Document, Loc};
use crate::error::Result;
use crate::report::{Draft, Report};
use crate::rules::Profile;
use crate::schema;

/// What the comparison is told besides the documents.
#[derive(Debug, Clone)]
pub struct Options {
    /// Today as `2026-11-23`, against which announced sunsets are held.
    pub today: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            today: crate::today::today(),
        }
    }
}

/// Compares two OpenAPI documents.
///
/// # Errors
/// When one of them is not an OpenAPI 3.x document of which every part can be compared.
pub fn diff(old: &Document, new: &Document, options: &Options) -> Result<Report> {
    load::check(old)?;
    load::check(new)?;
    let mut diff = Diff {
        old,
        new,
        options,
        report: Report::default(),
    };
    diff.servers();
    diff.paths();
    diff.webhooks();
    diff.security_schemes();
    Ok(diff.report.sorted())
}

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Others call us.
    In,
    /// We call others: webhooks and callbacks.
    Out,
}

impl Way {
    /// How the body of a request is used.
    fn request(self) -> Profile {
        match self {
            Self::In => Profile::Request,
            Self::Out => Profile::Response,
        }
    }

    /// How the body of an answer is used.
    fn response(self) -> Profile {
        match self {
            Self::In => Profile::Response,
            Self::Out => Profile::Request,
        }
    }
}

struct Diff<'a> {
    old: &'a Document,
    new: &'a Document,
    options: &'a Options,
    report: Report,
}

impl<'a> Diff<'a> {
    /// A finding in the new document.
    fn now(&mut self, rule: &str, at: &Loc<'_>, subject: &str, used_by: &str) {
        self.say(rule, false, at, subject, (None, None), used_by);
    }

    /// A finding about something that only the old document has.
    fn gone(&mut self, rule: &str, at: &Loc<'_>, subject: &str, used_by: &str) {
        self.say(rule, true, at, subject, (None, None), used_by);
    }

    fn say(
        &mut self,
        rule: &str,
        gone: bool,
        at: &Loc<'_>,
        subject: &str,
        (before, after): (Option<Value>, Option<Value>),
        used_by: &str,
    ) {
        let document = if gone { self.old } else { self.new };
        let draft = Draft {
            rule,
            file: &document.name,
            pointer: at.pointer.clone(),
            subject: subject.to_owned(),
            before,
            after,
            used_by,
        };
        if let Some(finding) = draft.finish() {
            self.report.push(finding);
        }
    }

    fn schemas(
        &mut self,
        profile: Profile,
        old: Option<Loc<'a>>,
        new: Option<Loc<'a>>,
        used_by: &str,
    ) {
        let (old, new) = ((self.old, old), (self.new, new));
        schema::diff(&mut self.report, profile, old, new, used_by);
    }

    fn servers(&mut self) {
        let urls = |d: &'a Document| -> Vec<(&'a str, Loc<'a>)> {
            let servers = d.root().items("servers");
            servers.filter_map(|s| Some((s.text("url")?, s))).collect()
        };
        let (old, new) = (urls(self.old), urls(self.new));
        let has = |list: &[(&str, Loc<'_>)], url: &str| list.iter().any(|(u, _)| *u == url);
        for (url, at) in old.iter().filter(|(u, _)| !has(&new, u)) {
            self.gone("server-removed", at, &format!("`{url}`"), "servers");
        }
        for (url, at) in new.iter().filter(|(u, _)| !has(&old, u)) {
            self.now("server-added", at, &format!("`{url}`"), "servers");
        }
    }

    fn paths(&mut self) {
        let (old, new) = (by_template(self.old), by_template(self.new));
        for (template, (path, old_item)) in &old {
            match new.get(template) {
                None => self.path_removed(path, old_item),
                Some((renamed, new_item)) => {
                    if path != renamed {
                        let subject = format!("`{path}` is `{renamed}`");
                        self.now("path-parameter-renamed", new_item, &subject, renamed);
                    }
                    self.operations(Way::In, (path, old_item), (renamed, new_item));
                }
            }
        }
        for (_, (path, item)) in new.iter().filter(|(t, _)| !old.contains_key(*t)) {
            self.now("path-added", item, &format!("`{path}`"), path);
        }
    }

    /// A path whose operations were all to go by now is not more than they are.
    fn path_removed(&mut self, path: &str, item: &Loc<'a>) {
        let item = self.old.resolved(item.clone());
        let operations: Vec<_> = load::METHODS
            .iter()
            .filter_map(|m| Some((*m, item.get(m)?)))
            .collect();
        let all_deprecated = operations.iter().all(|(_, o)| o.flag("deprecated"));
        if operations.is_empty() || !all_deprecated {
            self.gone("path-removed", &item, &format!("`{path}`"), path);
            return;
        }
        for (method, operation) in operations {
            self.operation_removed(&format!("{} {path}", method.to_uppercase()), &operation);
        }
    }

    fn webhooks(&mut self) {
        let find = |d: &'a Document| d.root().members("webhooks").collect::<BTreeMap<_, _>>();
        let (old, new) = (find(self.old), find(self.new));
        for (name, item) in &old {
            match new.get(name) {
                None => self.gone("webhook-removed", item, &format!("`{name}`"), name),
                Some(now) => self.operations(Way::Out, (name, item), (name, now)),
            }
        }
        for (name, item) in new.iter().filter(|(n, _)| !old.contains_key(*n)) {
            self.now("webhook-added", item, &format!("`{name}`"), name);
        }
    }
}

/// Paths by their template with numbered parameters, so that `/a/{id}` and `/a/{order_id}` are one.
fn by_template(document: &Document) -> BTreeMap<String, (&str, Loc<'_>)> {
    document
        .root()
        .members("paths")
        .filter(|(path, _)| !path.starts_with("x-"))
        .map(|(path, item)| (template(path), (path, item)))
        .collect()
}

fn template(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    out.push_str(rest);
    out
}

/// The names of a path's parameters, in order.
fn template_names(path: &str) -> Vec<&str> {
    let starts = path.split('{').skip(1);
    starts
        .filter_map(|s| s.split_once('}').map(|(name, _)| name))
        .collect()
}
