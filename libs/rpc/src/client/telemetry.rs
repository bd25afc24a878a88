//! Span and RED metrics of a call that is made.

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use http::{Request, Response};
use shoal_context::Context as Caller;
use shoal_telemetry::metrics::RpcClientMetrics;
use tonic::Status;
use tower::{Layer, Service};
use tracing::{Span, field};

use crate::path::method_of;
use crate::record::{Recorded, RecordedFuture, Recording, Side};

#[derive(Clone, Debug)]
pub(crate) struct TelemetryLayer {
    dependency: Arc<str>,
    side: Side,
}

impl TelemetryLayer {
    pub(crate) fn new(caller: &str, dependency: &str) -> Self {
        let side = Side::Client(RpcClientMetrics::new(caller, dependency));
        Self {
            dependency: dependency.into(),
            side,
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
    S: Service<Request<B>, Response = Response<R>, Error = Status>,
{
    type Response = Response<Recorded<R>>;
    type Error = Status;
    type Future = RecordedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = method_of(request.uri().path()).to_owned();
        let span = span_of(&self.layer.dependency, &method);
        let recording = Recording::new(&self.layer.side, &method, span.clone());
        let inner = span.in_scope(|| self.inner.call(request));
        RecordedFuture::new(inner, recording)
    }
}

/// Bears no service of its own: it belongs to the one whose span is around it.
fn span_of(dependency: &str, method: &str) -> Span {
    let context = Caller::current();
    tracing::info_span!(
        target: "shoal::rpc",
        "rpc.client",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        peer.service = dependency,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = field::Empty,
        rpc.attempts = field::Empty,
        rpc.hedged = field::Empty,
        server.address = field::Empty,
        error.type = field::Empty,
        gray.version = context.meta().gray_version.as_deref(),
    )
}
