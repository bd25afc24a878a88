//! Deadline, cancellation and metadata of a call.

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use shoal_context::{Arrived, Context, TIMEOUT_MS};
use tokio_util::sync::DropGuard;
use tower::{Layer, Service};
use tracing::Span;

use crate::ServerConfig;
use crate::body::Bounded;

#[derive(Clone, Debug)]
pub(crate) struct ContextLayer {
    default: Duration,
    limit: Duration,
    /// Colour of this instance.
    colour: Option<Arc<str>>,
}

impl ContextLayer {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let settings = &config.settings;
        Self {
            default: Duration::from_millis(settings.timeout_ms),
            limit: Duration::from_millis(settings.max_timeout_ms),
            colour: config.colour.as_deref().map(Arc::from),
        }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = InContext<S>;

    fn layer(&self, inner: S) -> InContext<S> {
        InContext {
            inner,
            layer: self.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct InContext<S> {
    inner: S,
    layer: ContextLayer,
}

impl<S, B, R> Service<Request<B>> for InContext<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<Bounded<R, DropGuard>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let ContextLayer { default, limit, .. } = self.layer;
        let context = Context::from_http(request.headers(), true, default, limit);
        let context = match request.extensions().get::<Arrived>() {
            Some(Arrived(at)) => context.arrived_at(*at),
            None => context,
        };
        let named_deadline = names_deadline(request.headers());
        describe(&context, self.layer.colour.as_deref());
        // Fires when the client hangs up, which drops this future or the body.
        let guard = context.cancel_on_drop();
        let answer = context.attach_sync(|| self.inner.call(request));
        Box::pin(async move {
            if let Err(error) = context.check() {
                return Ok(super::refuse(error));
            }
            match context.stop_or(context.attach(answer)).await {
                Ok(response) => {
                    let mut response = response?;
                    context.degraded_to(response.headers_mut());
                    Ok(response.map(|body| bound(body, &context, named_deadline, guard)))
                }
                Err(error) => Ok(super::refuse(error)),
            }
        })
    }
}

/// The default deadline is for a head that does not come. A stream whose
/// caller named none may go on for as long as the caller listens.
fn bound<R>(body: R, context: &Context, named: bool, guard: DropGuard) -> Bounded<R, DropGuard> {
    if named {
        return Bounded::new(body, context.clone(), guard);
    }
    Bounded::new(body, context.without_deadline(), guard)
}

fn names_deadline(headers: &HeaderMap) -> bool {
    headers.contains_key("grpc-timeout") || headers.contains_key(TIMEOUT_MS)
}

/// Puts what the caller said of the request on the server's span, and the
/// colour of the instance that serves it.
fn describe(context: &Context, colour: Option<&str>) {
    let (span, meta) = (Span::current(), context.meta());
    if let Some(user) = &meta.user_id {
        span.record("user.id", user);
    }
    if let Some(version) = &meta.gray_version {
        span.record("gray.version", version);
    }
    if let Some(colour) = colour {
        span.record("instance.gray", colour);
    }
}
