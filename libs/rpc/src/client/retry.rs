//! Repeats what failed without harm, a bounded number of times.

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_context::Context;
use shoal_resilience::{Next, RetryPolicy};
use shoal_telemetry::metrics::RpcClientMetrics;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Span;

use super::balance::Tried;
use super::breaker::Known;
use super::failure::Failure;
use super::replay::Replay;
use super::request::Idempotent;
use crate::RpcClientSettings;
use crate::body::code_in;

#[derive(Clone, Debug)]
pub(crate) struct RetryLayer {
    policy: RetryPolicy,
    metrics: Arc<RpcClientMetrics>,
    known: Known,
}

impl RetryLayer {
    pub(crate) fn new(caller: &str, known: &Known, settings: &RpcClientSettings) -> Self {
        let policy = RetryPolicy::new(
            settings.retries.saturating_add(1),
            Duration::from_millis(settings.backoff_ms),
            Duration::from_millis(settings.max_backoff_ms),
        );
        Self {
            policy,
            metrics: RpcClientMetrics::new(caller, known.name()),
            known: known.clone(),
        }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            layer: self.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Retry<S> {
    inner: S,
    layer: RetryLayer,
}

impl<S, R> Service<Request<Body>> for Retry<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Failure> + Clone + Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<R>, Status>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Status>> {
        // What is below is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move {
            let idempotent = request.extensions().get::<Idempotent>().is_some();
            let (mut parts, body) = request.into_parts();
            parts.extensions.insert(Tried::default());
            let mut body = Replay::new(body);
            let (mut attempt, mut sent_before) = (0, false);
            let dependency = layer.known.of(&Context::current());
            let budget = dependency.budget();
            budget.deposit();
            loop {
                attempt += 1;
                let Some(next) = body.next() else {
                    return Err(Status::internal("a body was sent twice"));
                };
                let answer = inner.call(Request::from_parts(parts.clone(), next)).await;
                let pause = pause_before_next(&layer.policy, attempt, &answer, idempotent);
                // Asked last: what is taken out is used.
                let may = |pause: &Duration| body.can_repeat() && fits(*pause) && budget.withdraw();
                match pause.filter(may) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => {
                        if attempt > 1 {
                            Span::current().record("rpc.attempts", attempt);
                        }
                        return answer.map_err(|failure| failure.into_status(sent_before));
                    }
                }
                sent_before |= answer
                    .as_ref()
                    .map_or_else(|failure| failure.sent, |_| true);
                layer.metrics.retry();
            }
        })
    }
}

/// How long to wait before the next attempt; `None` when there is to be none.
fn pause_before_next<R>(
    policy: &RetryPolicy,
    attempt: u32,
    answer: &Result<Response<R>, Failure>,
    idempotent: bool,
) -> Option<Duration> {
    let harmless = match answer {
        Ok(response) => idempotent && code_in(response.headers()) == Some(Code::Unavailable),
        Err(failure) => {
            let harmless =
                !failure.sent || (idempotent && failure.status.code() == Code::Unavailable);
            failure.repeatable && harmless
        }
    };
    // The deadline bounds the age.
    match policy.after_failure(attempt, Duration::ZERO, rand::random(), None) {
        Next::Retry(pause) if harmless => Some(pause),
        _ => None,
    }
}

/// Whether an attempt after the pause still has time to do something.
fn fits(pause: Duration) -> bool {
    Context::current()
        .remaining()
        .is_none_or(|left| left > pause.saturating_mul(2))
}
