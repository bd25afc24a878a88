//! The bus within a process: publishing an event is having all groups handle it.

use std::sync::{Arc, PoisonError, RwLock};

use futures::future::join_all;
use shoal_error::Result;
use shoal_store::EventEnvelope;

use crate::delivery::Delivery;

/// Groups by name.
#[derive(Default)]
pub(crate) struct InProcess {
    groups: RwLock<Vec<Arc<Delivery>>>,
}

impl InProcess {
    /// Adds a group. One of the same name, from before a restart, is replaced.
    /// A group is never taken out: while its service is stopped its events fail
    /// and stay in the outbox.
    pub(crate) fn subscribe(&self, delivery: Arc<Delivery>) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|g| g.group != delivery.group);
        groups.push(delivery);
    }

    /// Returns once every group that wants the event has dealt with it.
    ///
    /// # Errors
    /// When one of them is shutting down.
    pub(crate) async fn publish(&self, event: &EventEnvelope) -> Result<()> {
        let wanting: Vec<_> = {
            let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
            groups
                .iter()
                .filter(|g| g.wants(&event.kind))
                .cloned()
                .collect()
        };
        // All are waited for: one that stops must not cut another short.
        let all = join_all(wanting.iter().map(|group| group.deliver(event))).await;
        all.into_iter().collect()
    }
}
