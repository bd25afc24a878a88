//! The bus as services see it.

use std::sync::Arc;

use shoal_error::Result;
use tokio::sync::watch;

use crate::BusConfig;
use crate::delivery::Delivery;
use crate::in_process::InProcess;
use crate::redis_bus::RedisBus;

/// Carries events from relays to consumers. Clones are the same bus.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    kind: Kind,
    /// Relays wait while it is above zero.
    holds: watch::Sender<usize>,
}

pub(crate) enum Kind {
    InProcess(InProcess),
    Redis(RedisBus),
}

/// Keeps relays waiting until it is dropped, see [`Bus::hold`].
pub struct Hold(Arc<Inner>);

impl Bus {
    /// The bus that the settings name. Does not connect yet: a Redis that is
    /// away delays events and stops no service from starting.
    ///
    /// # Errors
    /// [`shoal_error::CommonCode::InvalidField`] for a URL that is not one of
    /// Redis.
    pub fn from_config(config: &BusConfig) -> Result<Self> {
        let kind = match config.redis_url.as_str() {
            "" => Kind::InProcess(InProcess::default()),
            _ => Kind::Redis(RedisBus::new(config)?),
        };
        Ok(Self(Arc::new(Inner {
            kind,
            holds: watch::Sender::new(0),
        })))
    }

    /// The bus within this process. All modules of the process must share it.
    #[must_use]
    pub fn in_process() -> Self {
        let kind = Kind::InProcess(InProcess::default());
        Self(Arc::new(Inner {
            kind,
            holds: watch::Sender::new(0),
        }))
    }

    /// The bus on a Redis server.
    ///
    /// # Errors
    /// Those of [`Bus::from_config`].
    pub fn redis(url: &str) -> Result<Self> {
        Self::from_config(&BusConfig {
            redis_url: url.to_owned(),
            ..BusConfig::default()
        })
    }

    /// Whether events stay within this process.
    #[must_use]
    pub fn is_in_process(&self) -> bool {
        matches!(self.0.kind, Kind::InProcess(_))
    }

    /// Readiness: Redis answers; the bus within a process always does.
    ///
    /// # Errors
    /// [`shoal_error::CommonCode::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        match &self.0.kind {
            Kind::InProcess(_) => Ok(()),
            Kind::Redis(redis) => redis.ping().await,
        }
    }

    /// `in_process` or `redis`.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match self.0.kind {
            Kind::InProcess(_) => "in_process",
            Kind::Redis(_) => "redis",
        }
    }

    /// Keeps relays from publishing until the guard is dropped: a process that
    /// starts several modules holds the bus until all consumers have joined,
    /// else the first event of one module could pass by another that is not up
    /// yet. (Redis keeps events for groups that come later; there it does no
    /// harm.)
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.0.holds.send_modify(|n| *n += 1);
        Hold(Arc::clone(&self.0))
    }

    /// Resolves while no one holds the bus.
    pub(crate) async fn released(&self) {
        // The sender lives as long as we do.
        let _ = self.0.holds.subscribe().wait_for(|n| *n == 0).await;
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(crate) fn subscribe(&self, delivery: Arc<Delivery>) {
        match &self.0.kind {
            Kind::InProcess(bus) => bus.subscribe(delivery),
            Kind::Redis(bus) => bus.subscribe(delivery),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.send_modify(|n| *n -= 1);
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bus").field(&self.system()).finish()
    }
}
