//! Deadline and cancellation of a call.

use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_context::{Context, parse_grpc_timeout};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::request::OpenEnded;
use crate::RpcClientSettings;
use crate::body::Bounded;

#[derive(Clone, Debug)]
pub(crate) struct DeadlineLayer {
    default: Duration,
}

impl DeadlineLayer {
    pub(crate) fn new(settings: &RpcClientSettings) -> Self {
        Self {
            default: settings.timeout(),
        }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline {
            inner,
            default: self.default,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Deadline<S> {
    inner: S,
    default: Duration,
}

impl<S, R> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Status>,
    S::Future: Send + 'static,
{
    type Response = Response<Bounded<R, ()>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let context = context_of(&request, self.default);
        let answer = context.attach_sync(|| self.inner.call(request));
        Box::pin(async move {
            context.check().map_err(|error| error.to_status())?;
            match context.stop_or(context.attach(answer)).await {
                Ok(response) => {
                    let response = response?;
                    context.degraded_from(response.headers());
                    Ok(response.map(|body| Bounded::new(body, context, ())))
                }
                Err(error) => Err(error.to_status()),
            }
        })
    }
}

/// The tightest of the current deadline, the call's own (`set_timeout`) and,
/// when there is neither, the default.
fn context_of(request: &Request<Body>, default: Duration) -> Context {
    let current = Context::current();
    let own = request
        .headers()
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok());
    match own.and_then(parse_grpc_timeout) {
        Some(own) => current.child_with_timeout(own),
        None if current.deadline().is_some() => current,
        None if request.extensions().get::<OpenEnded>().is_some() => current,
        None => current.child_with_timeout(default),
    }
}
