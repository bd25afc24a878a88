//! Lets calls in, or says when to come again.

use std::task::{Context as Task, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_context::Context;
use shoal_error::Error;
use shoal_resilience::{Admission, Ended};
use tonic::Code;
use tower::{Layer, Service};

use crate::body::code_in;

#[derive(Clone, Debug)]
pub(crate) struct AdmissionLayer(Admission);

impl AdmissionLayer {
    pub(crate) fn new(admission: &Admission) -> Self {
        Self(admission.clone())
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Admitted<S> {
        Admitted {
            inner,
            admission: self.0.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Admitted<S> {
    inner: S,
    admission: Admission,
}

impl<S, B, R> Service<Request<B>> for Admitted<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Send + 'static,
    R: Default + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        // What watches the service must see it when it is full.
        if path.starts_with(super::admit::OPEN) {
            return Box::pin(self.inner.call(request));
        }
        let route = self.admission.limiter().route("gRPC", path);
        let context = Context::current();
        let admission = self.admission.clone();
        // The one that was found ready is the one to be called.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        Box::pin(async move {
            let class = context.meta().class.lowered_to(route.class());
            let place = match admission.admit(&route, class, context.remaining()).await {
                Ok(place) => place,
                Err(refusal) => return Ok(super::refuse(Error::from(refusal))),
            };
            let response = if class == context.meta().class {
                inner.call(request).await
            } else {
                // What it calls is to be no more urgent than itself.
                context.lowered_to(class).attach(inner.call(request)).await
            };
            place.ended(response.as_ref().map_or(Ended::Otherwise, how));
            response
        })
    }
}

/// With the head of the answer the work is done; a stream goes on for as long
/// as somebody listens.
fn how<R>(response: &Response<R>) -> Ended {
    match code_in(response.headers()) {
        None | Some(Code::Ok) => Ended::Served,
        Some(Code::DeadlineExceeded) => Ended::TimedOut,
        Some(_) => Ended::Otherwise,
    }
}
