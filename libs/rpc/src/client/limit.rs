//! Bounds the calls under way to a dependency, and those that wait.

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_error::{CommonCode, Error};
use shoal_telemetry::metrics::{InUse, Saturation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::RpcClientSettings;
use crate::body::Held;

const RETRY_AFTER: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub(crate) struct LimitLayer(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    dependency: String,
    places: Arc<Semaphore>,
    /// Places to wait in.
    queue: Semaphore,
    saturation: Saturation,
}

impl LimitLayer {
    pub(crate) fn new(caller: &str, dependency: &str, settings: &RpcClientSettings) -> Self {
        let name = format!("rpc_client/{dependency}");
        Self(Arc::new(Limit {
            dependency: dependency.to_owned(),
            places: Arc::new(Semaphore::new(settings.max_in_flight)),
            queue: Semaphore::new(settings.max_waiting),
            saturation: Saturation::new(caller, "limit", &name, settings.max_in_flight),
        }))
    }
}

impl Limit {
    async fn enter(&self) -> Result<Place, Error> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Ok(Place {
            _permit: permit,
            _in_use: self.saturation.enter(),
        })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Error> {
        let refused = || {
            self.saturation.reject();
            let message = format!("Too many calls to {} are under way.", self.dependency);
            Error::new(CommonCode::TooManyRequests, message).with_retry_after(RETRY_AFTER)
        };
        let _queued = self.queue.try_acquire().map_err(|_| refused())?;
        let _waiting = self.saturation.wait();
        // The semaphore is never closed.
        Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| refused())
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            limit: Arc::clone(&self.0),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _in_use: InUse,
}

#[derive(Clone, Debug)]
pub(crate) struct Limited<S> {
    inner: S,
    limit: Arc<Limit>,
}

impl<S, R> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Status> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Held<R, Place>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut inner, limit) = (self.inner.clone(), Arc::clone(&self.limit));
        Box::pin(async move {
            let place = limit.enter().await.map_err(|error| error.to_status())?;
            let response = inner.call(request).await?;
            Ok(response.map(|body| Held::new(body, Some(place))))
        })
    }
}
