//! Span and RED metrics of a served call.

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use http::{HeaderMap, HeaderValue, Request, Response};
use shoal_telemetry::metrics::RpcServerMetrics;
use shoal_telemetry::propagate;
use tower::{Layer, Service};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::path::method_of;
use crate::record::{CodeOf, Recorded, RecordedFuture, Recording, Side};

#[derive(Clone, Debug)]
pub(crate) struct TelemetryLayer {
    service: Arc<str>,
    side: Side,
}

impl TelemetryLayer {
    pub(crate) fn new(service: &str) -> Self {
        Self {
            service: service.into(),
            side: Side::Server(RpcServerMetrics::new(service)),
        }
    }
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = Telemetry<S>;

    fn layer(&self, inner: S) -> Telemetry<S> {
        Telemetry {
            inner,
            layer: self.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Telemetry<S> {
    inner: S,
    layer: TelemetryLayer,
}

impl<S, B, R> Service<Request<B>> for Telemetry<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: CodeOf,
{
    type Response = Response<Recorded<R>>;
    type Error = S::Error;
    type Future = RecordedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let method = method_of(request.uri().path()).to_owned();
        let span = span_of(&self.layer.service, &method);
        // Fails only where no tracer is installed.
        let _ = span.set_parent(propagate::extract_http(request.headers()));
        settle_request_id(&span, request.headers_mut());
        let recording = Recording::new(&self.layer.side, &method, span.clone());
        let inner = span.in_scope(|| self.inner.call(request));
        RecordedFuture::new(inner, recording)
    }
}

fn span_of(service: &str, method: &str) -> Span {
    tracing::info_span!(
        target: "shoal::rpc",
        "rpc.server",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        service.name = service,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = field::Empty,
        error.type = field::Empty,
        request.id = field::Empty,
        user.id = field::Empty,
        gray.version = field::Empty,
        instance.gray = field::Empty,
    )
}

/// A request that starts here is known by its trace.
fn settle_request_id(span: &Span, headers: &mut HeaderMap) {
    if !headers.contains_key(propagate::X_REQUEST_ID)
        && let Some(trace) = propagate::trace_id_of(&span.context())
        && let Ok(id) = HeaderValue::try_from(trace.to_string())
    {
        headers.insert(propagate::X_REQUEST_ID, id);
    }
    let id = headers
        .get(propagate::X_REQUEST_ID)
        .and_then(|id| id.to_str().ok());
    span.record("request.id", id);
}
