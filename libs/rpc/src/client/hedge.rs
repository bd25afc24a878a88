//! Asks a second instance when the first takes long.

use std::task::{Context as Task, Poll};

use futures::future::{BoxFuture, Either, select};
use http::{Request, Response};
use shoal_context::Context;
use shoal_resilience::{Dependency, Verdict};
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Span;

use super::balance::{Balanced, Tried};
use super::breaker::{Known, verdict};
use super::failure::Failure;
use super::replay::Replay;
use super::request::Hedged;
use crate::path::method_of;

#[derive(Clone, Debug)]
pub(crate) struct HedgeLayer {
    known: Known,
    instances: Balanced,
}

impl HedgeLayer {
    pub(crate) fn new(known: &Known, instances: &Balanced) -> Self {
        Self {
            known: known.clone(),
            instances: instances.clone(),
        }
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Hedge<S> {
        Hedge {
            inner,
            layer: self.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Hedge<S> {
    inner: S,
    layer: HedgeLayer,
}

type Answer<R> = Result<Response<R>, Failure>;

impl<S, R> Service<Request<Body>> for Hedge<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Failure>
        + Clone
        + Send
        + Sync
        + 'static,
    S: Service<Request<Body>, Future = BoxFuture<'static, Answer<R>>>,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = Failure;
    type Future = BoxFuture<'static, Answer<R>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.extensions().get::<Hedged>().is_none() {
            return self.inner.call(request);
        }
        let mut own = self.clone();
        Box::pin(async move { own.hedged(request).await })
    }
}

impl<S, R> Hedge<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Failure>,
    S: Service<Request<Body>, Future = BoxFuture<'static, Answer<R>>>,
{
    async fn hedged(&mut self, request: Request<Body>) -> Answer<R> {
        let dependency = self.layer.known.of(&Context::current());
        let latency = dependency.latencies().of(method_of(request.uri().path()));
        let Some(wait) = latency.hedge_after() else {
            return self.inner.call(request).await;
        };
        let (parts, body) = request.into_parts();
        let mut body = Replay::new(body);
        let Some(original) = body.next() else {
            return Err(Failure::no_instance(dependency.name()));
        };
        let first = Request::from_parts(parts.clone(), original);
        let mut first = self.inner.call(first);
        tokio::select! {
            biased;
            answer = &mut first => return answer,
            () = tokio::time::sleep(wait) => {}
        }
        let tried = parts.extensions.get::<Tried>();
        let may = body.can_repeat() && self.layer.may(&dependency, tried);
        let Some(copy) = may.then(|| body.next()).flatten() else {
            return first.await;
        };
        Span::current().record("rpc.hedged", true);
        let second = self.inner.call(Request::from_parts(parts, copy));
        race(&dependency, first, second).await
    }
}

impl HedgeLayer {
    /// Asked last is the budget: what is taken out is used.
    fn may(&self, dependency: &Dependency, tried: Option<&Tried>) -> bool {
        dependency.is_well()
            && tried.is_some_and(|tried| self.instances.has_another(tried))
            && dependency.budget().withdraw()
    }
}

/// The first answer that is worth something; the other call is dropped, which
/// cancels it at the callee.
async fn race<R>(
    dependency: &Dependency,
    first: BoxFuture<'static, Answer<R>>,
    second: BoxFuture<'static, Answer<R>>,
) -> Answer<R> {
    let (answer, other, won) = match select(first, second).await {
        Either::Left((answer, second)) => (answer, second, false),
        Either::Right((answer, first)) => (answer, first, true),
    };
    if serves(&answer) {
        dependency.hedged(won);
        return answer;
    }
    let later = other.await;
    let won = won != serves(&later);
    dependency.hedged(won);
    // Of two failures the one of a call that went out must not get lost.
    let went_out = |answer: &Answer<R>| answer.as_ref().map_or_else(|f| f.sent, |_| true);
    if serves(&later) || !went_out(&answer) {
        later
    } else {
        answer
    }
}

fn serves<R>(answer: &Answer<R>) -> bool {
    matches!(verdict(answer), Verdict::Well | Verdict::Answered)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use shoal_resilience::{Dependencies, ResilienceSettings};
    use tonic::Status;

    use super::*;

    #[tokio::test]
    async fn a_call_that_went_out_is_not_told_as_one_that_did_not() {
        let settings = ResilienceSettings::default();
        let all = Dependencies::new("order", settings, shoal_task::system_clock());
        let sent = Failure {
            status: Status::unavailable("broken"),
            sent: true,
            broken: true,
            repeatable: true,
        };
        let first = async {
            tokio::task::yield_now().await;
            Err(sent)
        };
        let second = ready(Err(Failure::no_instance("billing")));
        let answer: Answer<()> = race(&all.get("billing"), Box::pin(first), Box::pin(second)).await;
        assert!(answer.is_err_and(|failure| failure.sent));
    }
}
