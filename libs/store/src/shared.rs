//! What all connections of a store have in common.

use std::sync::{Arc, PoisonError, RwLock};

use shoal_task::SharedClock;
use sqlx::error::DatabaseError;
use tokio::sync::Notify;

use crate::Dialect;
use crate::constraints::Constraints;
use crate::janitor::Janitor;
use crate::metrics::StoreMetrics;

pub(crate) struct Shared {
    pub(crate) service: String,
    pub(crate) dialect: Dialect,
    pub(crate) clock: SharedClock,
    pub(crate) janitor: Janitor,
    pub(crate) metrics: StoreMetrics,
    /// Told after each commit that recorded events.
    pub(crate) outbox: Notify,
    /// Told when dead letters were queued for another try.
    pub(crate) redriven: Notify,
    constraints: RwLock<Arc<Constraints>>,
}

impl Shared {
    pub(crate) fn new(
        service: &str,
        dialect: Dialect,
        clock: SharedClock,
        janitor: Janitor,
    ) -> Self {
        Self {
            service: service.to_owned(),
            dialect,
            clock,
            janitor,
            metrics: StoreMetrics::new(service, dialect),
            outbox: Notify::new(),
            redriven: Notify::new(),
            constraints: RwLock::default(),
        }
    }

    pub(crate) fn announce(&self) {
        self.outbox.notify_one();
    }

    pub(crate) fn learn(&self, names: Constraints) {
        *self
            .constraints
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    /// Gives a violated constraint the name that it was declared with.
    pub(crate) fn name_constraint(&self, error: Box<dyn DatabaseError>) -> Box<dyn DatabaseError> {
        if self.dialect == Dialect::Postgres {
            return error;
        }
        let names = Arc::clone(
            &self
                .constraints
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        names.name(error)
    }
}
