//! Traces, logs and metrics that every service emits without writing any
//! (C1, C3).
//!
//! * [`Telemetry::init`], once per process: spans of `tracing` become
//!   OpenTelemetry spans, are kept in the [`TraceStore`] and sent over OTLP
//!   when configured; log lines carry service, trace and span id.
//! * [`http::ServerLayer`] for HTTP servers; the gRPC stacks of `shoal-rpc` use
//!   the same parts.
//! * [`propagate`]: trace context in HTTP headers, gRPC metadata and messages.
//! * [`metrics`]: RED per route and per dependency, saturation of all that is
//!   bounded, as OpenMetrics text.
//! * [`Redacted`]: secrets that no log line can show.
//!
//! Code of a service writes `tracing` spans and events and nothing else. Rules:
//! spans from INFO up are traced, so what happens inside of one hop is DEBUG;
//! names are fixed words and what varies stands in fields; fields use the names
//! of OpenTelemetry's semantic conventions where there is one.
//!
//! Rejected: the OTel API in services (two vocabularies, and a span guard that
//! must not cross an await), a resource per process as the service's name (one
//! process may hold several services, see [`service_span`]), a tracer provider
//! per service (the provider is chosen where a span is made, deep in a shared
//! library that does not know for whom it works).

mod clock;
mod config;
mod export;
pub mod http;
mod init;
mod logs;
pub mod metrics;
mod panic_hook;
pub mod propagate;
mod redact;
mod render;
mod request_id;
mod service;
mod trace_store;

#[cfg(test)]
mod tests;

pub use config::{InitError, LogFormat, TelemetryConfig};
pub use init::Telemetry;
pub use propagate::current_trace_id;
pub use redact::{REDACTED, Redacted};
pub use render::waterfall;
pub use service::{SERVICE_NAME, service_span};
pub use trace_store::{SpanRecord, TraceStore};
