//! Refuses callers that do not belong to the platform.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::{Request, Response};
use shoal_error::{CommonCode, Error};
use tower::{Layer, Service};

use crate::MeshSecret;

/// Orchestrators probe health without metadata; it tells nothing of the data.
pub(super) const OPEN: &str = "/grpc.health.v1.Health/";

#[derive(Clone, Debug)]
pub(crate) struct AdmitLayer(MeshSecret);

impl AdmitLayer {
    pub(crate) fn new(secret: &MeshSecret) -> Self {
        Self(secret.clone())
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit {
            inner,
            secret: self.0.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Admit<S> {
    inner: S,
    secret: MeshSecret,
}

impl<S, B, R> Service<Request<B>> for Admit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<R>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !self.secret.admits(request.headers()) && !request.uri().path().starts_with(OPEN) {
            let error = Error::new(
                CommonCode::Unauthenticated,
                "This interface is for services of the platform only.",
            );
            return Either::Left(ready(Ok(super::refuse(error))));
        }
        // Handlers, logs and error reports have no use for the secret.
        request.headers_mut().remove(crate::MESH);
        Either::Right(self.inner.call(request))
    }
}
