//! The telemetry layer of an HTTP server: span, request id, RED metrics.
//!
//! Put it outermost on an axum `Router` with `Router::layer`: there the matched
//! route is known already, requests that match none pass too, and whatever a
//! layer below refuses is still seen.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::metrics::HttpMetrics;
use crate::metrics::http::InFlight;
use crate::propagate::{X_B3_TRACEID, X_REQUEST_ID, X_TRACE_ID};
use crate::request_id;

/// Route label of requests that match no route.
pub const UNMATCHED: &str = "unmatched";

/// A handler puts this into its answer's extensions to be counted under
/// another label than its route, as the gateway does for what it passes on.
/// The label must come from a small fixed set.
#[derive(Clone, Debug)]
pub struct RouteLabel(pub Arc<str>);

/// Makes [`ServerService`]s; see the module's documentation.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    service: Arc<str>,
    metrics: Arc<HttpMetrics>,
}

impl ServerLayer {
    /// A layer for the requests of `service`.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.into(),
            metrics: HttpMetrics::new(service),
        }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService {
            inner,
            layer: self.clone(),
        }
    }
}

/// Opens a span per request, joins the caller's trace, makes sure of
/// `x-request-id`, and records the request when its answer begins. A request
/// whose client goes away before counts as `cancelled`.
#[derive(Clone, Debug)]
pub struct ServerService<S> {
    inner: S,
    layer: ServerLayer,
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ServerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let route_name = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        let parent = crate::propagate::extract_http(request.headers());
        let b3 = crate::propagate::speaks_b3(&parent);
        let span = span_of(&self.layer.service, &request, route.as_ref());
        // Fails only where no tracer is installed.
        let _ = span.set_parent(parent);
        let ids = Ids::settle(&span, request.headers_mut(), b3);
        span.record("request.id", ids.request_id.to_str().unwrap_or_default());
        let record = Record {
            metrics: self.layer.metrics.clone(),
            _in_flight: self.layer.metrics.begin(),
            method: request.method().clone(),
            route: Arc::from(route_name),
            start: crate::clock::monotonic(),
            status: StatusCode::from_u16(CANCELLED).unwrap_or(StatusCode::REQUEST_TIMEOUT),
            span: span.clone(),
        };
        let inner = span.in_scope(|| self.inner.call(request));
        ServerFuture {
            inner,
            span,
            ids: Some(ids),
            record: Some(record),
        }
    }
}

fn span_of<B>(service: &str, request: &Request<B>, route: Option<&MatchedPath>) -> Span {
    let method = known_method(request.method());
    let path = request.uri().path();
    let name = match route {
        Some(route) => format!("{method} {}", route.as_str()),
        None => method.to_owned(),
    };
    tracing::info_span!(
        target: "shoal::http",
        "http.server",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        service.name = service,
        http.request.method = method,
        http.route = route.map(MatchedPath::as_str),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        url.path = path,
        request.id = field::Empty,
        user.id = field::Empty,
        gray.version = field::Empty,
        instance.gray = field::Empty,
    )
}

/// What the answer tells about the request.
#[derive(Debug)]
struct Ids {
    request_id: HeaderValue,
    trace_id: Option<HeaderValue>,
    b3: bool,
}

impl Ids {
    /// Takes the caller's request id when it is fit to be logged; the trace id
    /// stands in otherwise, and is written into the request for those below.
    fn settle(span: &Span, headers: &mut HeaderMap, b3: bool) -> Self {
        let trace = crate::propagate::trace_id_of(&span.context());
        let trace_id = trace.and_then(|id| HeaderValue::try_from(id.to_string()).ok());
        let given = headers
            .get(X_REQUEST_ID)
            .filter(|id| request_id::is_fit(id.as_bytes()));
        let request_id = match given {
            Some(id) => id.clone(),
            None => {
                let id = trace_id.clone().unwrap_or_else(request_id::random);
                headers.insert(X_REQUEST_ID, id.clone());
                id
            }
        };
        Self {
            request_id,
            trace_id,
            b3,
        }
    }

    fn write(self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.request_id);
        let Some(trace_id) = self.trace_id else {
            return;
        };
        if self.b3 {
            headers.insert(X_B3_TRACEID, trace_id.clone());
        }
        headers.insert(X_TRACE_ID, trace_id);
    }
}

/// Recorded when dropped, so that a request whose future is dropped counts too.
#[derive(Debug)]
struct Record {
    metrics: Arc<HttpMetrics>,
    _in_flight: InFlight,
    method: Method,
    route: Arc<str>,
    start: Instant,
    status: StatusCode,
    span: Span,
}

/// Status under which a client that went away is counted (nginx's habit).
const CANCELLED: u16 = 499;

impl Drop for Record {
    fn drop(&mut self) {
        let status = self.status.as_u16();
        self.metrics
            .finish(&self.method, &self.route, status, self.start.elapsed());
        self.span.record("http.response.status_code", status);
        if status == CANCELLED {
            self.span.record("error.type", "cancelled");
        } else if self.status.is_server_error() {
            self.span.record("error.type", self.status.as_str());
            self.span.record("otel.status_code", "ERROR");
            self.span
                .record("otel.status_description", self.status.canonical_reason());
        }
    }
}

pin_project! {
    /// Future of [`ServerService`].
    #[derive(Debug)]
    pub struct ServerFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        ids: Option<Ids>,
        record: Option<Record>,
    }
}

impl<F, R, E> Future for ServerFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.span.enter();
        let mut result = std::task::ready!(this.inner.poll(cx));
        drop(entered);
        let (record, ids) = (this.record.take(), this.ids.take());
        if let Some(mut record) = record {
            record.status = result
                .as_ref()
                .map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status);
            if let Ok(response) = &result
                && let Some(RouteLabel(label)) = response.extensions().get()
            {
                record.route = label.clone();
            }
        }
        if let (Ok(response), Some(ids)) = (&mut result, ids) {
            ids.write(response.headers_mut());
        }
        Poll::Ready(result)
    }
}

/// The name of a method; those that clients may invent share one.
pub fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
