//! One flat JSON object per line.

use std::io::Write as _;

use serde::Serialize;
use tracing::field::{Field, Visit};

use super::{Line, time};
use crate::redact::{REDACTED, is_sensitive};

/// Names that the line itself uses; an event's field of that name gets a `_`.
const RESERVED: [&str; 7] = [
    "timestamp",
    "level",
    "service",
    "target",
    "trace_id",
    "span_id",
    "request_id",
];

pub(super) fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    let meta = line.event.metadata();
    out.extend_from_slice(b"{\"timestamp\":\"");
    time::rfc3339(line.time, out);
    let _ = write!(out, "\",\"level\":\"{}\",\"service\":", meta.level());
    value(line.service, out);
    out.extend_from_slice(b",\"target\":");
    value(meta.target(), out);
    if let Some(span) = &line.span {
        let (trace, own) = (span.trace_id(), span.span_id());
        let _ = write!(out, ",\"trace_id\":\"{trace}\",\"span_id\":\"{own}\"");
    }
    if let Some(id) = &line.request_id {
        out.extend_from_slice(b",\"request_id\":");
        value(&**id, out);
    }
    line.event.record(&mut Fields(out));
    out.extend_from_slice(b"}\n");
}

struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, shown: &(impl Serialize + ?Sized)) {
        let name = field.name();
        self.0.extend_from_slice(b",\"");
        // Names come from source code: they need no escaping.
        self.0
            .extend_from_slice(name.trim_start_matches("r#").as_bytes());
        if RESERVED.contains(&name) {
            self.0.push(b'_');
        }
        self.0.extend_from_slice(b"\":");
        if is_sensitive(name) {
            value(REDACTED, self.0);
        } else {
            value(shown, self.0);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

fn value(shown: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, shown).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
