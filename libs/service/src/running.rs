//! A service that runs, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shoal_discovery::Registration;
use shoal_error::{CommonCode, Error, Result};
use shoal_store::Store;
use shoal_task::Scope;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::ChassisConfig;
use crate::listen::Server;
use crate::ops::Readiness;

/// A running service. Dropping it does not stop it; [`Running::shutdown`] does.
pub struct Running {
    name: &'static str,
    chassis: Arc<ChassisConfig>,
    server: Server,
    readiness: Arc<Readiness>,
    workers: Scope,
    parts: Parts,
}

pub(crate) struct Parts {
    pub(crate) scope: Scope,
    pub(crate) store: Option<Store>,
    pub(crate) draining: CancellationToken,
    pub(crate) addr: SocketAddr,
    pub(crate) registration: Registration,
}

/// How a shutdown went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// How long it took.
    pub took: Duration,
    /// Names of tasks that did not end in time and were ended by force.
    pub forced: Vec<String>,
}

impl ShutdownReport {
    /// Whether everything ended by itself.
    pub fn is_clean(&self) -> bool {
        self.forced.is_empty()
    }
}

impl Running {
    pub(crate) fn new(
        name: &'static str,
        chassis: Arc<ChassisConfig>,
        server: Server,
        readiness: Arc<Readiness>,
        workers: Scope,
        parts: Parts,
    ) -> Self {
        Self {
            name,
            chassis,
            server,
            readiness,
            workers,
            parts,
        }
    }

    /// Name of the service.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Address that it listens on; the real one when port 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.parts.addr
    }

    /// `http://host:port`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.parts.addr)
    }

    /// The owner of all its tasks, to look at.
    pub fn scope(&self) -> &Scope {
        &self.parts.scope
    }

    /// Waits until every readiness check holds and the registry, if there is
    /// one, lists the instance.
    ///
    /// # Errors
    /// `Unavailable` that names the failing checks when `bound` has passed.
    pub async fn ready(&self, bound: Duration) -> Result<()> {
        let end = Instant::now() + bound;
        loop {
            let report = self.readiness.report().await;
            if report.is_ready() {
                let left = end.saturating_duration_since(Instant::now());
                if self.parts.registration.announced(left).await {
                    return Ok(());
                }
                let message = format!("{} could not register itself.", self.name);
                return Err(Error::new(CommonCode::Unavailable, message));
            }
            if Instant::now() >= end {
                let message = format!("{} is not ready: {}", self.name, report.problems());
                return Err(Error::new(CommonCode::Unavailable, message));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the service: not ready and draining in the registry → port closed →
    /// requests in flight → gone from the registry → consumers and relay → the
    /// module's tasks → database. Each part has its own bound in the settings,
    /// and all together have `bound`.
    pub async fn shutdown(self, bound: Duration) -> ShutdownReport {
        let start = Instant::now();
        let left = |part_ms: u64| {
            let part = Duration::from_millis(part_ms);
            part.min(bound.saturating_sub(start.elapsed()))
        };
        let bounds = &self.chassis.shutdown;
        let Parts {
            scope,
            store,
            draining,
            registration,
            ..
        } = self.parts;
        tracing::info!("draining");
        draining.cancel();
        if !registration.drain(left(bounds.registry_ms)).await {
            tracing::warn!("the registry was not told in time that the service drains");
        }
        tokio::time::sleep(left(bounds.linger_ms)).await;
        self.server.stop_accepting().await;
        let mut aborted = self.server.drain(left(bounds.requests_ms)).await.aborted;
        registration.deregister(left(bounds.registry_ms)).await;
        aborted.extend(self.workers.drain(left(bounds.consumers_ms)).await.aborted);
        aborted.extend(scope.drain(left(bounds.tasks_ms)).await.aborted);
        if let Some(store) = store {
            crate::wiring::close(&store, left(bounds.tasks_ms)).await;
        }
        let mut forced: Vec<String> = aborted
            .iter()
            .map(|task| format!("{}/{}", task.owner, task.name))
            .collect();
        forced.sort();
        let report = ShutdownReport {
            took: start.elapsed(),
            forced,
        };
        tracing::info!(took_ms = report.took.as_millis(), forced = ?report.forced, "stopped");
        report
    }
}
