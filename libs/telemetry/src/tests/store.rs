use std::time::SystemTime;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor as _};

use crate::TraceStore;
use crate::trace_store::StoreProcessor;

fn span(trace: u128, span: u64) -> SpanData {
    let context = SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: opentelemetry::InstrumentationScope::default(),
    }
}

fn id(trace: u128) -> String {
    TraceId::from(trace).to_string()
}

#[test]
fn a_full_store_forgets_whole_traces_oldest_first() {
    // All in one shard, whose share of 160 spans is 10.
    let processor = StoreProcessor(TraceStore::new(160).into());
    for trace in 1..=4_u128 {
        for at in 1..=4 {
            processor.on_end(span(trace << 8, at));
        }
    }
    let store = &processor.0;
    assert_eq!(store.get(&id(1 << 8)).len(), 0);
    assert_eq!(store.get(&id(2 << 8)).len(), 0);
    assert_eq!(store.get(&id(3 << 8)).len(), 4);
    assert_eq!(store.get(&id(4 << 8)).len(), 4);
    assert_eq!(store.len(), 8);
}

#[test]
fn one_endless_trace_cannot_fill_the_memory() {
    let processor = StoreProcessor(TraceStore::new(16).into());
    for at in 1..=5_000 {
        processor.on_end(span(7, at));
    }
    assert_eq!(processor.0.get(&id(7)).len(), 2_000);
}

#[test]
fn a_store_of_size_zero_keeps_nothing() {
    let processor = StoreProcessor(TraceStore::new(0).into());
    processor.on_end(span(7, 1));
    assert!(processor.0.is_empty());
}

#[test]
fn an_id_that_is_none_finds_nothing() {
    let store = TraceStore::new(16);
    for id in ["", "zz", "4bf92f3577b34da6a3ce929d0e0e4736ff"] {
        assert!(store.get(id).is_empty(), "{id}");
    }
}
