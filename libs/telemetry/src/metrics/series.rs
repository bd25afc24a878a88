//! Handles to series, found without building a label set.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prometheus_client::metrics::family::MetricConstructor;
use prometheus_client::metrics::histogram::Histogram;

use super::DURATION_BUCKETS;

/// Makes the histograms of a duration family.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATION_BUCKETS)
    }
}

/// At most this many names per table; later ones share one series, so that a
/// caller who invents names cannot fill the memory.
const MAX_NAMES: usize = 512;
pub(crate) const OTHER: &str = "other";

/// Handles by name; a hit costs a read lock and one hash of a `&str`.
#[derive(Debug)]
pub(crate) struct ByName<T> {
    known: RwLock<HashMap<Box<str>, Arc<T>>>,
    most: usize,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self::bounded(MAX_NAMES)
    }
}

impl<T> ByName<T> {
    /// A table of at most `most` names and the one for all others.
    pub(crate) fn bounded(most: usize) -> Self {
        Self {
            known: RwLock::default(),
            most,
        }
    }

    pub(crate) fn get(&self, name: &str, make: impl Fn(&str) -> T) -> Arc<T> {
        if let Some(known) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return known.clone();
        }
        let mut names = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let name = if names.len() < self.most { name } else { OTHER };
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        let made = Arc::new(make(name));
        names.insert(name.into(), made.clone());
        made
    }
}

/// One lazily made histogram per outcome: a series appears once it has a value.
#[derive(Debug)]
pub(crate) struct ByOutcome<const N: usize>([OnceLock<Histogram>; N]);

impl<const N: usize> Default for ByOutcome<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl<const N: usize> ByOutcome<N> {
    pub(crate) fn observe(&self, at: usize, seconds: f64, make: impl FnOnce() -> Histogram) {
        self.0[at.min(N - 1)].get_or_init(make).observe(seconds);
    }
}

/// Copies a family's series out of its lock.
pub(crate) fn series<S, M, C>(
    family: &prometheus_client::metrics::family::Family<S, M, C>,
    labels: &S,
) -> M
where
    S: Clone + Hash + Eq,
    M: Clone,
    C: MetricConstructor<M>,
{
    family.get_or_create_owned(labels)
}
