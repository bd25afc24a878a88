//! Stops calls to a dependency that fails more than it usually does.

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_context::Context;
use shoal_error::{CommonCode, Error};
use shoal_resilience::{Dependencies, Dependency, Verdict};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::failure::Failure;
use crate::body::code_in;

#[derive(Clone, Debug)]
pub(crate) struct BreakerLayer(Known);

/// The dependency's stable instances, and where those of a colour are found.
#[derive(Clone, Debug)]
pub(super) struct Known {
    stable: Arc<Dependency>,
    all: Dependencies,
}

impl BreakerLayer {
    pub(crate) fn new(known: &Known) -> Self {
        Self(known.clone())
    }
}

impl Known {
    pub(super) fn new(stable: &Arc<Dependency>, all: &Dependencies) -> Self {
        Self {
            stable: Arc::clone(stable),
            all: all.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.stable.name()
    }

    pub(super) fn of(&self, context: &Context) -> Arc<Dependency> {
        let name = self.stable.name();
        let meta = context.meta();
        let colour = meta.colour_for(name);
        match colour {
            Some(_) => self.all.of(name, colour),
            None => Arc::clone(&self.stable),
        }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Broken<S>;

    fn layer(&self, inner: S) -> Broken<S> {
        Broken {
            inner,
            known: self.0.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Broken<S> {
    inner: S,
    known: Known,
}

impl<S, R> Service<Request<Body>> for Broken<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Failure>,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Response<R>, Failure>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let context = Context::current();
        let dependency = self.known.of(&context);
        // Nothing is sent before the answer is polled.
        let answer = self.inner.call(request);
        Box::pin(async move {
            let attempt = dependency
                .attempt(&context)
                .map_err(|rejected| Failure::held_down(dependency.name(), rejected))?;
            let answer = answer.await;
            attempt.ended(verdict(&answer));
            answer
        })
    }
}

/// What an answer says about who gave it.
pub(super) fn verdict<R>(answer: &Result<Response<R>, Failure>) -> Verdict {
    let code = match answer {
        Ok(response) => code_in(response.headers()).unwrap_or(Code::Ok),
        Err(failure) => failure.status.code(),
    };
    match code {
        // A refusal under load, and a caller who went away. To stop all calls
        // to one who is merely busy would leave it idle.
        Code::Unavailable if is_shed(answer) => Verdict::Neither,
        Code::ResourceExhausted | Code::Cancelled => Verdict::Neither,
        Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss => Verdict::Failed,
        Code::DeadlineExceeded => Verdict::OutOfTime,
        _ => Verdict::Well,
    }
}

/// Whether the callee was too busy to begin.
fn is_shed<R>(answer: &Result<Response<R>, Failure>) -> bool {
    let status = match answer {
        Ok(response) => Status::from_header_map(response.headers()),
        Err(failure) => Some(failure.status.clone()),
    };
    status.is_some_and(|status| Error::from_status(status).is(CommonCode::Overloaded))
}
