//! The client stack.

mod balance;
mod breaker;
mod deadline;
mod failure;
mod hedge;
mod instances;
mod limit;
mod outgoing;
mod replay;
mod request;
mod retry;
mod telemetry;

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use shoal_discovery::Resolver;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::ClientConfig;

pub(crate) use failure::{NeverSent, is_never_sent};
pub use request::RequestExt;

/// Connects to other services.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// A channel to the service `name`, for its generated client. Opens no
    /// connection yet and cannot fail; follows the resolver as long as it lives.
    pub fn connect(name: &str, resolver: &Arc<dyn Resolver>, config: &ClientConfig) -> Channel {
        stack(name, resolver.as_ref(), config)
    }
}

/// Puts the stack in front of all instances of the service `name`.
///
/// Layers are listed from the outside in: a call passes them downwards, its
/// answer upwards.
pub fn stack(name: &str, resolver: &dyn Resolver, config: &ClientConfig) -> Channel {
    let settings = &config.settings;
    let dependency = config.dependencies.get(name);
    let known = breaker::Known::new(&dependency, &config.dependencies);
    let instances = balance::Balanced::new(name, resolver, config);
    let layers = ServiceBuilder::new()
        // One body type for the generated clients.
        .map_response(|answer: Response<_>| answer.map(Body::new))
        // Span and RED metrics of the call as its caller sees it: waiting and
        // all attempts included.
        .layer(telemetry::TelemetryLayer::new(&config.caller, name))
        // Deadline and cancellation, for the same.
        .layer(deadline::DeadlineLayer::new(settings))
        // Waits for a place no longer than the deadline above.
        .layer(limit::LimitLayer::new(&dependency, settings))
        // Below the limit: an attempt keeps the place of its call.
        .layer(retry::RetryLayer::new(&config.caller, &known, settings))
        // Below the retries: what both attempts could not do may be repeated.
        .layer(hedge::HedgeLayer::new(&known, &instances))
        // Below both: it judges attempts, and ends repeats at once.
        .layer(breaker::BreakerLayer::new(&known))
        // Below the retries: each attempt tells its own remaining time.
        .layer(outgoing::OutgoingLayer::new(&config.mesh_secret));
    // Innermost: chooses the instance anew for each attempt.
    Channel(BoxCloneSyncService::new(layers.service(instances)))
}

/// A connection to all instances of a service. Cheap to clone; give each
/// generated client one.
#[derive(Clone, Debug)]
pub struct Channel(BoxCloneSyncService<Request<Body>, Response<Body>, Status>);

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Every layer is always ready and does its waiting inside of the call,
        // where the deadline and the span are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}
