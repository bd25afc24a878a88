use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::TraceContextExt as _;
use proptest::prelude::*;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Rig;
use crate::config::LogFormat;
use crate::propagate::{extract_http, extract_map, inject_http, inject_map};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
    let entries = entries.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    });
    entries.collect()
}

/// Trace id, span id and sampling as taken from the headers.
fn taken(entries: &[(&'static str, &str)]) -> Option<(String, String, bool)> {
    let context = extract_http(&headers(entries));
    let span = context.span();
    let span = span.span_context();
    assert!(!span.is_valid() || span.is_remote());
    span.is_valid().then(|| {
        (
            span.trace_id().to_string(),
            span.span_id().to_string(),
            span.is_sampled(),
        )
    })
}

fn known(sampled: bool) -> Option<(String, String, bool)> {
    Some((TRACE.to_owned(), SPAN.to_owned(), sampled))
}

#[test]
fn a_w3c_parent_is_taken_with_its_sampling() {
    assert_eq!(
        taken(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]),
        known(true)
    );
    assert_eq!(
        taken(&[("traceparent", &format!("00-{TRACE}-{SPAN}-00"))]),
        known(false)
    );
    // A later version may carry more.
    assert_eq!(
        taken(&[("traceparent", &format!("cc-{TRACE}-{SPAN}-01-what"))]),
        known(true)
    );
}

#[test]
fn a_parent_that_breaks_the_rules_starts_a_new_trace() {
    let upper = TRACE.to_uppercase();
    for bad in [
        String::new(),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("00-{upper}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-+{}-{SPAN}-01", &TRACE[1..]),
    ] {
        assert_eq!(taken(&[("traceparent", &bad)]), None, "{bad}");
    }
}

#[test]
fn b3_is_taken_in_both_forms() {
    let many = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
    assert_eq!(taken(&many), known(true));
    assert_eq!(
        taken(&[many[0], many[1], ("x-b3-sampled", "0")]),
        known(false)
    );
    assert_eq!(
        taken(&[many[0], many[1], ("x-b3-sampled", "0"), ("x-b3-flags", "1")]),
        known(true)
    );
    assert_eq!(
        taken(&[("b3", &format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"))]),
        known(true)
    );
    assert_eq!(taken(&[("b3", &format!("{TRACE}-{SPAN}-0"))]), known(false));
    assert_eq!(taken(&[("b3", "0")]), None);
}

#[test]
fn a_b3_trace_id_alone_is_enough_and_a_short_one_is_widened() {
    let (trace, _, sampled) = taken(&[("x-b3-traceid", TRACE)]).unwrap();
    assert_eq!((trace.as_str(), sampled), (TRACE, true));
    let (trace, ..) = taken(&[("x-b3-traceid", "a3ce929d0e0e4736")]).unwrap();
    assert_eq!(trace, "0000000000000000a3ce929d0e0e4736");
}

#[test]
fn w3c_wins_over_b3() {
    let w3c = format!("00-{TRACE}-{SPAN}-01");
    let both = [
        ("traceparent", w3c.as_str()),
        ("x-b3-traceid", "a3ce929d0e0e4736"),
    ];
    assert_eq!(taken(&both), known(true));
}

#[test]
fn a_trace_goes_out_as_it_came_in_with_vendor_entries_kept() {
    let rig = Rig::new(LogFormat::Json, "error");
    let w3c = format!("00-{TRACE}-{SPAN}-01");
    let sent = |incoming: &[(&'static str, &str)]| {
        rig.run(|| {
            let span = tracing::info_span!("hop");
            span.set_parent(extract_http(&headers(incoming))).unwrap();
            let _inner = span.in_scope(|| tracing::info_span!("inner")).entered();
            let mut out = HeaderMap::new();
            inject_http(&mut out);
            out
        })
    };
    let out = sent(&[("traceparent", &w3c), ("tracestate", "vendor=1")]);
    let parent = out["traceparent"].to_str().unwrap();
    assert!(
        parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"),
        "{parent}"
    );
    assert!(!parent.contains(SPAN), "the parent is now our own span");
    assert_eq!(out["tracestate"], "vendor=1");
    assert!(!out.contains_key("x-b3-traceid"));

    let out = sent(&[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)]);
    assert_eq!(out["x-b3-traceid"], TRACE);
    assert!(out.contains_key("x-b3-spanid") && out.contains_key("traceparent"));
}

#[test]
fn a_caller_that_does_not_record_is_followed_in_that() {
    let rig = Rig::new(LogFormat::Json, "error");
    let mut out = HeaderMap::new();
    rig.run(|| {
        let span = tracing::info_span!("hop");
        let unsampled = format!("00-{TRACE}-{SPAN}-00");
        span.set_parent(extract_http(&headers(&[("traceparent", &unsampled)])))
            .unwrap();
        span.in_scope(|| inject_http(&mut out));
    });
    let sent = out["traceparent"].to_str().unwrap();
    assert!(
        sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"),
        "{sent}"
    );
    assert!(rig.store.is_empty());
}

#[test]
fn a_message_carries_the_trace_across_a_queue() {
    let rig = Rig::new(LogFormat::Json, "error");
    rig.run(|| {
        let mut entries = std::collections::HashMap::new();
        tracing::info_span!("produce").in_scope(|| inject_map(&mut entries));
        let consume = tracing::info_span!("consume");
        consume.set_parent(extract_map(&entries)).unwrap();
    });
    let spans = rig.only_trace();
    assert_eq!(
        super::find(&spans, "consume").parent_id,
        Some(spans[0].span_id.clone())
    );
}

proptest! {
    #[test]
    fn no_header_makes_extraction_panic(value in "\\PC{0,80}") {
        for name in ["traceparent", "b3", "x-b3-traceid"] {
            crate::propagate::extract_with(|asked| (asked == name).then_some(value.as_str()));
        }
    }
}
