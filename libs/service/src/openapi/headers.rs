//! Headers that answers have.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Response};

const REQUEST_ID: (&str, &str) = ("x-request-id", "RequestId");
const TRACE_ID: (&str, &str) = ("x-trace-id", "TraceId");
const RETRY_AFTER: (&str, &str) = ("retry-after", "RetryAfter");
const DEGRADED: (&str, &str) = ("x-shoal-degraded", "Degraded");
const AUTHENTICATE: (&str, &str) = ("www-authenticate", "Authenticate");

/// Their descriptions, to be referred to.
pub(super) fn components() -> BTreeMap<String, RefOr<Header>> {
    let hex = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9a-f]{32}$"))
    };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1));
    let trace = json!("4bf92f3577b34da6a3ce929d0e0e4736");
    let all = [
        (
            REQUEST_ID,
            "The request: as the client sent it, or a new one.",
            text().min_length(Some(1)),
            trace.clone(),
        ),
        (TRACE_ID, "The trace, to name in a report.", hex(), trace),
        (
            RETRY_AFTER,
            "Seconds to wait before another try; absent when nobody can tell.",
            seconds,
            json!(1),
        ),
        (
            DEGRADED,
            "What of the answer was replaced because a service was away, in parts by comma: \
             the call, then `cached` with its age in seconds, `default` or `skipped`. Absent \
             from a whole answer.",
            text(),
            json!("billing.GetPayment;cached;age=12"),
        ),
        (
            AUTHENTICATE,
            "How to authenticate (RFC 9110).",
            text(),
            json!("Bearer"),
        ),
    ];
    all.into_iter()
        .map(|((_, component), about, schema, example)| {
            (component.to_owned(), header(about, schema, example).into())
        })
        .collect()
}

fn header(about: &str, schema: ObjectBuilder, example: Value) -> Header {
    HeaderBuilder::new()
        .description(Some(about))
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

/// Adds to an answer the headers that the stack gives it.
pub(super) fn add(response: &mut Response, status: &str) {
    let mut names = vec![REQUEST_ID, TRACE_ID];
    match status {
        "401" => names.push(AUTHENTICATE),
        "409" | "429" | "503" => names.push(RETRY_AFTER),
        other if other.starts_with('2') => names.push(DEGRADED),
        _ => {}
    }
    for (name, component) in names {
        let known = response
            .headers
            .keys()
            .any(|own| own.eq_ignore_ascii_case(name));
        if !known {
            let reference = Ref::new(format!("#/components/headers/{component}"));
            response
                .headers
                .insert(name.to_owned(), RefOr::Ref(reference));
        }
    }
}
