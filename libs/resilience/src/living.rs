//! Things that are asked for their gauges at each scrape, as what they learn
//! changes without an event, and that are forgotten once nobody holds them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus_client::collector::Collector;

#[derive(Debug)]
pub(crate) struct Living<T>(Mutex<Vec<Weak<T>>>);

impl<T> Living<T> {
    /// An empty list that a collector of its own shows from now on.
    pub(crate) fn shown_by<C: Collector>(collector: impl FnOnce(Arc<Self>) -> C) -> Arc<Self> {
        let living = Arc::new(Self(Mutex::default()));
        let collector = Box::new(collector(Arc::clone(&living)));
        shoal_telemetry::metrics::registry().register_collector(collector);
        living
    }

    pub(crate) fn add(&self, one: &Arc<T>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(one));
    }

    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}
