//! Spans of an event's way, in the trace of the request that recorded it.

use shoal_store::EventEnvelope;
use shoal_telemetry::propagate;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The hand-over to the bus. What is sent names this span as the parent of the
/// consumers'.
pub(crate) fn sending(event: &mut EventEnvelope, service: &str, system: &'static str) -> Span {
    let span = tracing::info_span!(
        target: "shoal_bus",
        "send",
        service.name = service,
        otel.name = %format_args!("send {}", event.kind),
        otel.kind = "producer",
        messaging.system = system,
        messaging.operation.name = "send",
        messaging.destination.name = event.kind,
        messaging.message.id = event.id,
        shoal.subject = event.subject,
        request.id = event.context.get("x-request-id"),
        gray.version = event.context.get("x-gray-version"),
    );
    join(&span, event);
    span.in_scope(|| propagate::inject_map(&mut event.context));
    span
}

/// One attempt of a consumer.
pub(crate) fn processing(event: &EventEnvelope, service: &str, group: &str, attempt: u32) -> Span {
    let span = tracing::info_span!(
        target: "shoal_bus",
        "process",
        // In process it is the publisher's task that runs it.
        service.name = service,
        otel.name = %format_args!("process {}", event.kind),
        otel.kind = "consumer",
        otel.status_code = tracing::field::Empty,
        messaging.operation.name = "process",
        messaging.destination.name = event.kind,
        messaging.consumer.group.name = group,
        messaging.message.id = event.id,
        shoal.subject = event.subject,
        shoal.attempt = attempt,
        request.id = event.context.get("x-request-id"),
        gray.version = event.context.get("x-gray-version"),
        error.type = tracing::field::Empty,
    );
    join(&span, event);
    span
}

fn join(span: &Span, event: &EventEnvelope) {
    // Fails only without a tracer; then there is no trace to join.
    let _ = span.set_parent(propagate::extract_map(&event.context));
}
