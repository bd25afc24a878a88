//! Trace context on the wire: W3C `traceparent` in and out; B3 (single header
//! `b3`, or `x-b3-traceid` and its companions) in, and out again for a trace
//! that came in as B3.
//!
//! Parsed here and not by the SDK's propagator, which knows no B3, looks
//! headers up through trait objects and allocates per field.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C vendor entries, handed on unread.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Id of a request as its caller knows it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Trace id on answers, under which the trace can be looked up.
pub const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// B3 trace id, 16 or 32 hex digits.
pub const X_B3_TRACEID: HeaderName = HeaderName::from_static("x-b3-traceid");
const X_B3_SPANID: HeaderName = HeaderName::from_static("x-b3-spanid");
const X_B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");

/// Marks the context of a trace whose caller spoke B3.
#[derive(Clone, Copy, Debug)]
struct SpokeB3;

/// The caller's span context as a remote parent; an empty context when the
/// headers hold none that is valid. `traceparent` wins over B3.
pub fn extract_http(headers: &HeaderMap) -> Context {
    extract_with(|name| headers.get(name).and_then(|value| value.to_str().ok()))
}

/// Like [`extract_http`] for the entries of a message, e.g. of an event.
pub fn extract_map<'a>(entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> Context {
    let entries: Vec<_> = entries.into_iter().collect();
    extract_with(|name| {
        let found = entries
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    })
}

/// Like [`extract_http`] for any carrier.
pub fn extract_with<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Context {
    if let Some(parent) = get("traceparent").and_then(parse_traceparent) {
        let state = get("tracestate")
            .and_then(|value| value.parse().ok())
            .unwrap_or_default();
        return Context::new().with_remote_span_context(remote(parent, state));
    }
    match parse_b3(&get) {
        Some(parent) => Context::new()
            .with_value(SpokeB3)
            .with_remote_span_context(remote(parent, TraceState::default())),
        None => Context::new(),
    }
}

/// Writes the current span's context into the headers of an outgoing request.
pub fn inject_http(headers: &mut HeaderMap) {
    inject_http_from(&tracing::Span::current().context(), headers);
}

/// Writes the span context of `context` into the headers of an outgoing request.
pub fn inject_http_from(context: &Context, headers: &mut HeaderMap) {
    inject_with(context, |name, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    });
}

/// Writes the current span's context into the entries of an outgoing message.
pub fn inject_map(entries: &mut impl Extend<(String, String)>) {
    inject_with(&tracing::Span::current().context(), |name, value| {
        entries.extend([(name.as_str().to_owned(), value.to_owned())]);
    });
}

/// Trace id of the current span, 32 hex digits; `None` outside of any trace.
pub fn current_trace_id() -> Option<String> {
    let context = tracing::Span::current().context();
    trace_id_of(&context).map(|id| id.to_string())
}

/// Trace id of a context's span, when it has one.
pub fn trace_id_of(context: &Context) -> Option<TraceId> {
    let span = context.span();
    let span_context = span.span_context();
    span_context.is_valid().then(|| span_context.trace_id())
}

/// Whether the trace came in as B3 and should go out as such too.
pub(crate) fn speaks_b3(context: &Context) -> bool {
    context.get::<SpokeB3>().is_some()
}

fn inject_with(context: &Context, mut set: impl FnMut(HeaderName, &str)) {
    let span = context.span();
    let span_context = span.span_context();
    if !span_context.is_valid() {
        return;
    }
    let (trace, own) = (span_context.trace_id(), span_context.span_id());
    let sampled = u8::from(span_context.is_sampled());
    set(TRACEPARENT, &format!("00-{trace}-{own}-{sampled:02x}"));
    let state = span_context.trace_state().header();
    if !state.is_empty() {
        set(TRACESTATE, &state);
    }
    if speaks_b3(context) {
        set(X_B3_TRACEID, &trace.to_string());
        set(X_B3_SPANID, &own.to_string());
        set(X_B3_SAMPLED, if sampled == 1 { "1" } else { "0" });
    }
}

type Parent = (TraceId, SpanId, bool);

fn remote((trace, span, sampled): Parent, state: TraceState) -> SpanContext {
    let flags = if sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    SpanContext::new(trace, span, flags, true, state)
}

/// `version-trace-span-flags`; later versions may append fields, version 00
/// may not (W3C Trace Context, 3.2).
fn parse_traceparent(value: &str) -> Option<Parent> {
    let value = value.trim();
    let mut parts = value.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let version = u8::from_str_radix(lower_hex(version, 2)?, 16).ok()?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let flags = u8::from_str_radix(lower_hex(flags, 2)?, 16).ok()?;
    let trace = TraceId::from_hex(lower_hex(trace, 32)?).ok()?;
    let span = SpanId::from_hex(lower_hex(span, 16)?).ok()?;
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags & 1 == 1))
}

fn parse_b3<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<Parent> {
    let (trace, span, sampled) = match get("b3") {
        Some(single) => {
            let mut parts = single.trim().split('-');
            (parts.next()?, parts.next(), parts.next())
        }
        None => {
            let debug = get("x-b3-flags").filter(|flags| *flags == "1");
            (
                get("x-b3-traceid")?,
                get("x-b3-spanid"),
                debug.or_else(|| get("x-b3-sampled")),
            )
        }
    };
    if !(trace.len() == 16 || trace.len() == 32) || !is_hex(trace) {
        return None;
    }
    let trace = TraceId::from_hex(trace)
        .ok()
        .filter(|id| *id != TraceId::INVALID)?;
    let span = span.filter(|span| span.len() == 16 && is_hex(span));
    let span = span.and_then(|span| SpanId::from_hex(span).ok());
    // A trace id alone is enough to join the trace; the parent is then unknown.
    let span = span.filter(|id| *id != SpanId::INVALID);
    let span = span.unwrap_or_else(|| SpanId::from(rand::random_range(1..=u64::MAX)));
    let sampled = !matches!(sampled, Some("0" | "false"));
    Some((trace, span, sampled))
}

fn lower_hex(text: &str, len: usize) -> Option<&str> {
    let valid = text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then_some(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}
