//! The last finished spans, kept in memory: the trace view that needs no
//! collector.
//!
//! Bounded by spans, and whole traces leave together, oldest first, so that
//! what can be looked up is complete. Sharded by trace id: two requests rarely
//! meet on one lock, which is held for a push only.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanKind, Status, TraceId};
use opentelemetry::{Array, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::service::SERVICE_NAME;

const SHARDS: usize = 16;
/// A loop that never ends its trace must not push out all others.
const MAX_SPANS_PER_TRACE: usize = 2_000;

/// A finished span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits; `None` for the first span of a trace.
    pub parent_id: Option<String>,
    /// Service that did the work.
    pub service: String,
    /// What was done, e.g. `POST /order/v1/orders`.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: &'static str,
    /// When it began.
    pub start: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// What failed; `None` when nothing did.
    pub error: Option<String>,
    /// Attributes in the order they were set, without the service's name.
    pub attributes: Vec<(String, String)>,
    /// Warnings and errors logged meanwhile: offset from `start`, and text.
    pub events: Vec<(Duration, String)>,
}

/// Ring of finished spans; see the module's documentation.
pub struct TraceStore {
    shards: [Mutex<Shard>; SHARDS],
    capacity: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    traces: HashMap<TraceId, Vec<SpanData>>,
    /// Traces in the order of their first finished span.
    order: VecDeque<TraceId>,
    spans: usize,
}

impl TraceStore {
    /// A store of at most `capacity` spans; 0 keeps none.
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: Default::default(),
            capacity: AtomicUsize::new(capacity),
        }
    }

    /// The process's store, which [`crate::Telemetry::init`] fills.
    pub fn global() -> &'static Arc<Self> {
        static GLOBAL: LazyLock<Arc<TraceStore>> = LazyLock::new(|| Arc::new(TraceStore::new(0)));
        &GLOBAL
    }

    pub(crate) fn set_capacity(&self, spans: usize) {
        self.capacity.store(spans, Ordering::Relaxed);
    }

    /// Finished spans of a trace, earliest first; empty when it is unknown,
    /// forgotten or `trace_id` is no trace id.
    pub fn get(&self, trace_id: &str) -> Vec<SpanRecord> {
        let Ok(id) = TraceId::from_hex(trace_id) else {
            return Vec::new();
        };
        let spans = self.shard(id).traces.get(&id).cloned().unwrap_or_default();
        let mut records: Vec<_> = spans.into_iter().map(SpanRecord::from).collect();
        records.sort_by_key(|record| record.start);
        records
    }

    /// The trace as a text waterfall for a person.
    pub fn render(&self, trace_id: &str) -> String {
        crate::render::waterfall(trace_id, &self.get(trace_id))
    }

    /// Ids of the traces whose first span ended last, newest first.
    pub fn recent(&self, limit: usize) -> Vec<String> {
        let mut newest: Vec<(SystemTime, TraceId)> = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            newest.extend(shard.order.iter().rev().take(limit).filter_map(|id| {
                let ended = shard
                    .traces
                    .get(id)?
                    .iter()
                    .map(|span| span.end_time)
                    .max()?;
                Some((ended, *id))
            }));
        }
        newest.sort_unstable_by_key(|(ended, _)| std::cmp::Reverse(*ended));
        newest
            .into_iter()
            .take(limit)
            .map(|(_, id)| id.to_string())
            .collect()
    }

    /// How many spans are kept now.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).spans).sum()
    }

    /// Whether no span is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&self, span: SpanData) {
        let capacity = self.capacity.load(Ordering::Relaxed);
        if capacity == 0 {
            return;
        }
        let id = span.span_context.trace_id();
        self.shard(id).push(id, span, capacity.div_ceil(SHARDS));
    }

    fn shard(&self, id: TraceId) -> MutexGuard<'_, Shard> {
        let last = usize::from(id.to_bytes()[15]);
        lock(&self.shards[last % SHARDS])
    }
}

impl Shard {
    fn push(&mut self, id: TraceId, span: SpanData, capacity: usize) {
        let spans = self.traces.entry(id).or_default();
        if spans.is_empty() {
            self.order.push_back(id);
        }
        if spans.len() >= MAX_SPANS_PER_TRACE {
            return;
        }
        spans.push(span);
        self.spans += 1;
        // The newest trace stays even when it is larger than its share.
        while self.spans > capacity && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.spans -= self.traces.remove(&oldest).map_or(0, |spans| spans.len());
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Feeds a store from the tracer.
#[derive(Debug)]
pub(crate) struct StoreProcessor(pub(crate) Arc<TraceStore>);

impl SpanProcessor for StoreProcessor {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl std::fmt::Debug for TraceStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceStore")
            .field("spans", &self.len())
            .finish()
    }
}

impl From<SpanData> for SpanRecord {
    fn from(span: SpanData) -> Self {
        let is_service = |kv: &&opentelemetry::KeyValue| kv.key.as_str() == SERVICE_NAME;
        let service = span.attributes.iter().find(is_service);
        let parent = span.parent_span_id;
        let since = |time: SystemTime| time.duration_since(span.start_time).unwrap_or_default();
        Self {
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_id: (parent != opentelemetry::SpanId::INVALID).then(|| parent.to_string()),
            service: service.map_or_else(String::new, |kv| kv.value.to_string()),
            name: span.name.to_string(),
            kind: kind_name(&span.span_kind),
            start: span.start_time,
            duration: since(span.end_time),
            error: match &span.status {
                Status::Error { description } if description.is_empty() => Some("failed".into()),
                Status::Error { description } => Some(description.to_string()),
                Status::Unset | Status::Ok => None,
            },
            events: span
                .events
                .iter()
                .map(|e| (since(e.timestamp), e.name.to_string()))
                .collect(),
            attributes: span
                .attributes
                .iter()
                .filter(|kv| !is_service(kv))
                .map(|kv| (kv.key.to_string(), show(&kv.value)))
                .collect(),
        }
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Array(Array::String(list)) => list
            .iter()
            .map(opentelemetry::StringValue::as_str)
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    }
}

const fn kind_name(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}
