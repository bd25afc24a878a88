//! Bounds the calls under way to a dependency, and those that wait.

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_error::{CommonCode, Error};
use shoal_resilience::{Bulkhead, BulkheadPermit, Dependency, Full};
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
    dependency: Arc<Dependency>,
    bulkhead: Bulkhead,
}

impl LimitLayer {
    pub(crate) fn new(dependency: &Arc<Dependency>, settings: &RpcClientSettings) -> Self {
        let name = format!("rpc_client/{}", dependency.name());
        Self(Arc::new(Limit {
            bulkhead: dependency.bulkhead(&name, settings.max_in_flight, settings.max_waiting),
            dependency: Arc::clone(dependency),
        }))
    }
}

impl Limit {
    async fn enter(&self) -> Result<BulkheadPermit, Error> {
        self.bulkhead.enter().await.map_err(|Full| {
            let message = format!(
                "Too many calls to {} are under way.",
                self.dependency.name()
            );
            Error::new(CommonCode::TooManyRequests, message).with_retry_after(RETRY_AFTER)
        })
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
    type Response = Response<Held<R, BulkheadPermit>>;
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
