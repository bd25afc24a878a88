//! Connections to the services' instances, kept and reused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use shoal_discovery::Resolver;
use shoal_error::{CommonCode, Error, Result};
use shoal_resilience::{Bulkhead, BulkheadPermit, Dependencies, Dependency as Governed};
use shoal_routing::Lane;
use shoal_telemetry::metrics::{ByVersion, Dependency, Fallbacks, Outcome};

use super::targets::{Target, Targets};
use crate::config::UpstreamConfig;

/// Sends requests to instances. One pool serves all of them: connections are
/// kept by address.
pub(crate) struct Upstream {
    client: Client<HttpConnector, Body>,
    services: HashMap<Arc<str>, PerService>,
    dependencies: Dependencies,
}

struct PerService {
    bulkhead: Bulkhead,
    targets: Targets,
    turn: AtomicUsize,
    metrics: Arc<Dependency>,
    fallbacks: Fallbacks,
    versions: Arc<ByVersion>,
    /// Its stable instances, found once.
    stable: OnceLock<Arc<Governed>>,
}

impl Upstream {
    pub(crate) fn new(
        config: &UpstreamConfig,
        resolver: &dyn Resolver,
        dependencies: Dependencies,
        services: Vec<Arc<str>>,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(config.connect_timeout_ms)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(config.idle_timeout_ms))
            .pool_max_idle_per_host(config.max_idle)
            .build(connector);
        let services = services
            .into_iter()
            .map(|name| {
                let limit = format!("upstream/{name}");
                let governed = dependencies.get(&name);
                let per_service = PerService {
                    bulkhead: governed.bulkhead(&limit, config.max_in_flight, 0),
                    // Watched before the first request asks.
                    targets: Targets::new(&name, resolver, &dependencies),
                    turn: AtomicUsize::new(0),
                    metrics: Dependency::new("gateway", &name),
                    fallbacks: Fallbacks::new("gateway", &name),
                    versions: Arc::new(ByVersion::new("gateway", &name)),
                    stable: OnceLock::new(),
                };
                (name, per_service)
            })
            .collect();
        Self {
            client,
            services,
            dependencies,
        }
    }

    /// The instances that may serve a request of `colour` and take work, as
    /// discovery knows them at this moment, in the order in which they are to be
    /// tried: those of the colour, then stable ones, each call beginning with the
    /// next one; those that are left out at the end.
    ///
    /// # Errors
    /// `Unavailable` when discovery knows none.
    pub(crate) fn instances(
        &self,
        service: &str,
        colour: Option<&str>,
    ) -> Result<Vec<(Arc<Target>, Lane)>> {
        let unknown = || {
            let text = format!("No instance of the service {service} is known.");
            Error::new(CommonCode::Unavailable, text).with_retry_after(Duration::from_secs(1))
        };
        let own = self.services.get(service).ok_or_else(unknown)?;
        let working = own.targets.now();
        let turn = own.turn.fetch_add(1, Ordering::Relaxed);
        let split = shoal_routing::split(working.iter(), colour, |target| target.colour());
        let list = split.in_turn(turn).into_iter();
        let mut list: Vec<_> = list.map(|(own, lane)| (Arc::clone(own), lane)).collect();
        if list.is_empty() {
            return Err(unknown());
        }
        let now = self.dependency(service, None).now();
        // Stable: the order is kept otherwise.
        list.sort_by_key(|(target, _)| !target.seat.takes_calls(now));
        Ok(list)
    }

    /// The service, or its instances of a colour, as its breaker sees it.
    pub(crate) fn dependency(&self, service: &str, colour: Option<&str>) -> Arc<Governed> {
        match (colour, self.services.get(service)) {
            (Some(colour), _) => self.dependencies.coloured(service, colour),
            (None, Some(known)) => {
                let find = || self.dependencies.get(service);
                Arc::clone(known.stable.get_or_init(find))
            }
            (None, None) => self.dependencies.get(service),
        }
    }

    /// A place for a request to the service, and for its answer.
    ///
    /// # Errors
    /// `Overloaded` when as many are under way as may be.
    pub(crate) async fn place(&self, service: &str) -> Result<Option<BulkheadPermit>> {
        let Some(own) = self.services.get(service) else {
            return Ok(None);
        };
        let place = own.bulkhead.enter().await;
        place.map(Some).map_err(|_| {
            let text = format!("Too many requests to the service {service} are under way.");
            Error::new(CommonCode::Overloaded, text).with_retry_after(Duration::from_secs(1))
        })
    }

    /// Counts a request of `colour` that a stable instance serves.
    pub(crate) fn fell_back(&self, service: &str, colour: &str) {
        if let Some(per_service) = self.services.get(service) {
            per_service.fallbacks.count(colour);
        }
    }

    /// Where requests to a service are counted by colour.
    pub(crate) fn versions(&self, service: &str) -> Option<&Arc<ByVersion>> {
        self.services.get(service).map(|own| &own.versions)
    }

    pub(crate) async fn send(
        &self,
        service: &str,
        request: Request<Body>,
    ) -> std::result::Result<Response<Incoming>, ClientError> {
        let timer = self.services.get(service).map(|s| s.metrics.start("http"));
        let outcome = self.client.request(request).await;
        if let Some(timer) = timer {
            timer.stop(match &outcome {
                Ok(response) if response.status().is_server_error() => Outcome::Error,
                Ok(_) => Outcome::Ok,
                Err(_) => Outcome::Error,
            });
        }
        outcome
    }
}
