//! How full every bounded thing is: pools, queues, limits.

use std::sync::{Arc, LazyLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::series::series;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: Arc<str>,
    kind: Arc<str>,
    name: Arc<str>,
}

static USED: LazyLock<Family<Labels, Gauge>> =
    LazyLock::new(|| super::register("shoal_saturation_used", "Places taken", Family::default()));
static CAPACITY: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    super::register(
        "shoal_saturation_capacity",
        "Places there are",
        Family::default(),
    )
});
static WAITING: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    super::register(
        "shoal_saturation_waiting",
        "Callers that wait for a place",
        Family::default(),
    )
});
static REJECTED: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    super::register(
        "shoal_saturation_rejected",
        "Callers turned away",
        Family::default(),
    )
});

/// Gauges of one bounded thing. Make it once and keep it; clones share.
#[derive(Clone, Debug)]
pub struct Saturation {
    capacity: Gauge,
    used: Gauge,
    waiting: Gauge,
    rejected: Counter,
}

impl Saturation {
    /// `kind` is what it is (`pool`, `queue`, `limit`), `name` which one.
    pub fn new(service: &str, kind: &str, name: &str, capacity: usize) -> Self {
        let labels = Labels {
            service: service.into(),
            kind: kind.into(),
            name: name.into(),
        };
        let made = Self {
            capacity: series(&CAPACITY, &labels),
            used: series(&USED, &labels),
            waiting: series(&WAITING, &labels),
            rejected: series(&REJECTED, &labels),
        };
        made.set_capacity(capacity);
        made
    }

    /// Takes a place until the guard is dropped.
    pub fn enter(&self) -> InUse {
        InUse::new(&self.used)
    }

    /// Waits for a place until the guard is dropped.
    pub fn wait(&self) -> InUse {
        InUse::new(&self.waiting)
    }

    /// Turns a caller away.
    pub fn reject(&self) {
        self.rejected.inc();
    }

    /// Sets the places there are, for a thing that grows and shrinks.
    pub fn set_capacity(&self, capacity: usize) {
        self.capacity.set(capacity as i64);
    }

    /// Sets the places taken, for a thing that counts itself.
    pub fn set_used(&self, used: usize) {
        self.used.set(used as i64);
    }

    /// Sets the callers that wait, for a thing that counts itself.
    pub fn set_waiting(&self, waiting: usize) {
        self.waiting.set(waiting as i64);
    }
}

/// One place in a gauge.
#[derive(Debug)]
pub struct InUse(Gauge);

impl InUse {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.dec();
    }
}
