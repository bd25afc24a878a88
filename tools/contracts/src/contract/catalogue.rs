//! The catalogue of error codes: callers tell failures apart by code and status.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Document, Loc};
use crate::error::{Error, Result};
use crate::report::{Draft, Report};

pub(super) fn diff(old: &Document, new: &Document) -> Result<Report> {
    let (was, is) = (codes(old)?, codes(new)?);
    let mut report = Report::default();
    let mut say = |rule, file: &Document, at: &Loc<'_>, code: &str, values: (_, _)| {
        let draft = Draft {
            rule,
            file: &file.name,
            pointer: at.pointer.clone(),
            subject: format!("`{code}`"),
            before: values.0,
            after: values.1,
            used_by: code,
        };
        report.findings.extend(draft.finish());
    };
    for (code, before) in &was {
        let Some(after) = is.get(code) else {
            say("error-code-gone", old, before, code, (None, None));
            continue;
        };
        let keys = [
            ("status", "error-code-status-changed"),
            ("grpc", "error-code-grpc-changed"),
            ("action", "error-code-action-changed"),
        ];
        for (key, rule) in keys {
            let (a, b) = (before.value.get(key), after.value.get(key));
            if a != b {
                say(rule, new, after, code, (a.cloned(), b.cloned()));
            }
        }
    }
    for (code, at) in is.iter().filter(|(c, _)| !was.contains_key(*c)) {
        say("error-code-new", new, at, code, (None, None));
    }
    Ok(report.sorted())
}

fn codes(document: &Document) -> Result<BTreeMap<&str, Loc<'_>>> {
    let fail = |at: &str, problem: &str| Err(Error::malformed(&document.name, at, problem));
    let Value::Array(entries) = &document.value else {
        return fail("", "a catalogue is a list of codes");
    };
    let mut codes = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        let at = Loc::new(format!("/{i}"), entry);
        let Some(code) = at.text("code") else {
            return fail(&at.pointer, "an entry has a `code`");
        };
        if !entry.get("status").is_some_and(Value::is_u64) {
            return fail(&at.pointer, "an entry has a `status`, which is a number");
        }
        if codes.insert(code, at).is_some() {
            return fail(&format!("/{i}"), &format!("`{code}` stands there twice"));
        }
    }
    Ok(codes)
}
