//! Connections to the services' instances, kept and reused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use shoal_discovery::Resolver;
use shoal_error::{CommonCode, Error, Result};
use shoal_resilience::{Admission, Bulkhead, BulkheadPermit, Dependencies, Dependency as Governed};
use shoal_routing::Lane;
use shoal_telemetry::metrics::{ByVersion, Dependency, Fallbacks, Outcome};

use super::targets::{Target, Targets};
use crate::config::UpstreamConfig;

/// Sends requests to instances. One pool serves all of them: connections are
/// kept by address.
pub(crate) struct Upstream {
    client: Client<HttpConnector, Body>,
    services: HashMap<Arc<str>, Service>,
}

/// A service behind the gateway.
pub(crate) struct Service {
    name: Arc<str>,
    bulkhead: Bulkhead,
    door: Admission,
    max_share: f64,
    /// Longest wait for a place, and while somebody waited in vain since last
    /// one was free: as at the door, a queue that only delays refusals is none.
    waits: [Duration; 2],
    in_vain: AtomicBool,
    targets: Targets,
    turn: AtomicUsize,
    metrics: Arc<Dependency>,
    fallbacks: Fallbacks,
    versions: ByVersion,
    /// Its stable instances; those of a colour are found by name.
    stable: Arc<Governed>,
    dependencies: Dependencies,
}

impl Upstream {
    pub(crate) fn new(
        config: &UpstreamConfig,
        resolver: &dyn Resolver,
        dependencies: &Dependencies,
        door: &Admission,
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
        let patience = door.limiter().settings();
        let waiting = patience.max_waiting as usize;
        let waits = [patience.max_wait_ms, patience.standing_wait_ms];
        let services = services.into_iter().map(|name| {
            let stable = dependencies.get(&name);
            let service = Service {
                bulkhead: stable.bulkhead(&format!("upstream/{name}"), usize::MAX, waiting),
                door: door.clone(),
                max_share: config.max_share,
                waits: waits.map(Duration::from_millis),
                in_vain: AtomicBool::new(false),
                // Watched before the first request asks.
                targets: Targets::new(&name, resolver, dependencies),
                turn: AtomicUsize::new(0),
                metrics: Dependency::new("gateway", &name),
                fallbacks: Fallbacks::new("gateway", &name),
                versions: ByVersion::new("gateway", &name),
                stable,
                dependencies: dependencies.clone(),
                name: Arc::clone(&name),
            };
            service.bulkhead.resize(service.share());
            (name, service)
        });
        Self {
            client,
            services: services.collect(),
        }
    }

    /// The service called `name`.
    ///
    /// # Errors
    /// `Unavailable` when no route leads to it.
    pub(crate) fn service(&self, name: &str) -> Result<&Service> {
        self.services.get(name).ok_or_else(|| unknown(name))
    }

    pub(crate) async fn send(
        &self,
        service: &Service,
        request: Request<Body>,
    ) -> std::result::Result<Response<Incoming>, ClientError> {
        let timer = service.metrics.start("http");
        let outcome = self.client.request(request).await;
        timer.stop(match &outcome {
            Ok(response) if response.status().is_server_error() => Outcome::Error,
            Ok(_) => Outcome::Ok,
            Err(_) => Outcome::Error,
        });
        outcome
    }
}

impl Service {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The instances that may serve a request of `colour` and take work, as
    /// discovery knows them at this moment, in the order in which they are to be
    /// tried: those of the colour, then stable ones, each call beginning with the
    /// next one; those that are left out at the end.
    ///
    /// # Errors
    /// `Unavailable` when discovery knows none.
    pub(crate) fn instances(&self, colour: Option<&str>) -> Result<Vec<(Arc<Target>, Lane)>> {
        let working = self.targets.now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let split = shoal_routing::split(working.iter(), colour, |target| target.colour());
        let list = split.in_turn(turn).into_iter();
        let mut list: Vec<_> = list.map(|(own, lane)| (Arc::clone(own), lane)).collect();
        if list.is_empty() {
            return Err(unknown(&self.name));
        }
        let now = self.stable.now();
        // Stable: the order is kept otherwise.
        list.sort_by_key(|(target, _)| !target.seat.takes_calls(now));
        Ok(list)
    }

    /// The service, or its instances of a colour, as its breaker sees it.
    pub(crate) fn dependency(&self, colour: Option<&str>) -> Arc<Governed> {
        match colour {
            Some(_) => self.dependencies.of(&self.name, colour),
            None => Arc::clone(&self.stable),
        }
    }

    /// A place for a request to the service, to be held until the head of its
    /// answer.
    ///
    /// # Errors
    /// `Overloaded` when as many are under way as may be, and none ends soon.
    pub(crate) async fn place(&self) -> Result<BulkheadPermit> {
        self.bulkhead.resize(self.share());
        if let Some(place) = self.bulkhead.try_enter() {
            self.in_vain.store(false, Ordering::Relaxed);
            return Ok(place);
        }
        let [longest, standing] = self.waits;
        let longest = match self.in_vain.load(Ordering::Relaxed) {
            false => longest,
            true => standing,
        };
        self.bulkhead.enter_within(longest).await.map_err(|_| {
            self.in_vain.store(true, Ordering::Relaxed);
            let text = format!(
                "Too many requests to the service {} are under way.",
                self.name
            );
            Error::new(CommonCode::Overloaded, text).with_retry_after(Duration::from_secs(1))
        })
    }

    /// Counts a request of `colour` that a stable instance serves.
    pub(crate) fn fell_back(&self, colour: &str) {
        self.fallbacks.count(colour);
    }

    /// Where its requests are counted by colour.
    pub(crate) fn versions(&self) -> &ByVersion {
        &self.versions
    }

    /// Its part of what the gateway handles at once now: what is left over is
    /// for the others, however long this one keeps its requests.
    fn share(&self) -> usize {
        let all = f64::from(self.door.limiter().limit());
        ((all * self.max_share) as usize).max(1)
    }
}

fn unknown(service: &str) -> Error {
    let text = format!("No instance of the service {service} is known.");
    Error::new(CommonCode::Unavailable, text).with_retry_after(Duration::from_secs(1))
}
