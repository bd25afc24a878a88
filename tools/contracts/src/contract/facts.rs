//! The facts of a module: which services it offers, which events it publishes, whom it needs.

use std::collections::BTreeSet;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::report::{Draft, Report};

/// Member, rule for what is gone, rule for what is new.
const LISTS: &[(&str, &str, &str)] = &[
    ("grpc", "grpc-service-removed", "grpc-service-added"),
    ("publishes", "event-removed", "event-added"),
    ("consumes", "consumed-event-removed", "consumed-event-added"),
    ("calls", "call-removed", "call-added"),
];

pub(super) fn diff(old: &Document, new: &Document) -> Result<Report> {
    let mut report = Report::default();
    for (list, removed, added) in LISTS {
        let (was, is) = (names(old, list)?, names(new, list)?);
        let gone = was.difference(&is).map(|n| (old, *removed, n));
        let new = is.difference(&was).map(|n| (new, *added, n));
        for (document, rule, name) in gone.chain(new) {
            let draft = Draft {
                rule,
                file: &document.name,
                pointer: format!("/{list}"),
                subject: format!("`{name}`"),
                before: None,
                after: None,
                used_by: name,
            };
            report.findings.extend(draft.finish());
        }
    }
    Ok(report.sorted())
}

fn names<'a>(document: &'a Document, list: &str) -> Result<BTreeSet<&'a str>> {
    let fail = |problem: &str| {
        Err(Error::malformed(
            &document.name,
            format!("/{list}"),
            problem,
        ))
    };
    let Some(at) = document.root().get(list) else {
        return fail("it is missing");
    };
    let Some(entries) = at.value.as_array() else {
        return fail("it is a list of names");
    };
    match entries.iter().map(|e| e.as_str()).collect() {
        Some(names) => Ok(names),
        None => fail("it is a list of names"),
    }
}
