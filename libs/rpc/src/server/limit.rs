//! Bounds the calls that are served at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use pin_project_lite::pin_project;
use shoal_error::{CommonCode, Error};
use shoal_telemetry::metrics::{InUse, Saturation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use crate::body::Held;

/// When a caller that was turned away may come again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub(crate) struct InFlightLayer {
    places: Arc<Semaphore>,
    saturation: Saturation,
}

impl InFlightLayer {
    pub(crate) fn new(service: &str, max: usize) -> Self {
        let saturation = Saturation::new(service, "limit", "grpc_in_flight", max);
        Self {
            places: Arc::new(Semaphore::new(max)),
            saturation,
        }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> InFlight<S> {
        InFlight {
            inner,
            limit: self.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct InFlight<S> {
    inner: S,
    limit: InFlightLayer,
}

impl<S, B, R> Service<Request<B>> for InFlight<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<Held<R, Place>>;
    type Error = S::Error;
    type Future = HeldFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Ok(permit) = self.limit.places.clone().try_acquire_owned() else {
            self.limit.saturation.reject();
            return HeldFuture {
                inner: None,
                place: None,
            };
        };
        let place = Place {
            _permit: permit,
            _in_use: self.limit.saturation.enter(),
        };
        HeldFuture {
            inner: Some(self.inner.call(request)),
            place: Some(place),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _in_use: InUse,
}

pin_project! {
    pub(crate) struct HeldFuture<F> {
        // None: there was no place.
        #[pin]
        inner: Option<F>,
        place: Option<Place>,
    }
}

impl<F, R, E> Future for HeldFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<Held<R, Place>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            let error = Error::new(CommonCode::Overloaded, "The service is busy.")
                .with_retry_after(RETRY_AFTER);
            return Poll::Ready(Ok(super::refuse(error)));
        };
        let result = ready!(inner.poll(cx));
        let place = this.place.take();
        Poll::Ready(result.map(|response| response.map(|inner| Held::new(inner, place))))
    }
}
