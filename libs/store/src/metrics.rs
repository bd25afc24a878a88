//! Figures about statements, and about the tables that only grow.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::dependency::Outcome;
use shoal_telemetry::metrics::{Dependency, register};

use crate::Dialect;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Service {
    service: String,
}

static CONFLICTS: LazyLock<Family<Service, Counter>> = LazyLock::new(|| {
    let help = "Transactions run again after a conflict with another";
    register("shoal_store_conflicts", help, Family::default())
});
static OUTBOX_PENDING: LazyLock<Family<Service, Gauge>> = LazyLock::new(|| {
    let help = "Recorded events that the bus has not taken yet";
    register("shoal_outbox_pending", help, Family::default())
});
static OUTBOX_AGE: LazyLock<Family<Service, Gauge>> = LazyLock::new(|| {
    let help = "Age of the oldest event that the bus has not taken yet, milliseconds";
    register("shoal_outbox_oldest_milliseconds", help, Family::default())
});
/// The metrics of one service's store.
#[derive(Debug)]
pub(crate) struct StoreMetrics {
    label: Service,
    sql: Arc<Dependency>,
}

impl StoreMetrics {
    pub(crate) fn new(service: &str, dialect: Dialect) -> Self {
        Self {
            label: Service {
                service: service.to_owned(),
            },
            sql: Dependency::new(service, dialect.as_str()),
        }
    }

    pub(crate) fn statement(&self, operation: &str, outcome: Outcome, took: Duration) {
        self.sql.finish(operation, outcome, took);
    }

    pub(crate) fn conflict(&self) {
        CONFLICTS.get_or_create(&self.label).inc();
    }

    pub(crate) fn outbox(&self, pending: i64, oldest_ms: i64) {
        OUTBOX_PENDING.get_or_create(&self.label).set(pending);
        OUTBOX_AGE.get_or_create(&self.label).set(oldest_ms);
    }
}
