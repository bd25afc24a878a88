//! Bounds the calls under way to one dependency, and those that wait, so that
//! one that is slow does not hold everything that its callers have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_telemetry::metrics::{InUse, Saturation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls to one dependency at once. What is left out stands where all
/// dependencies have it: `rpc.client` of a service, `upstream` of the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BulkheadSettings {
    /// Calls under way at once; more wait.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: Option<usize>,
    /// Calls that wait at once; more are refused.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_waiting: Option<usize>,
}

/// Places for calls, and places to wait for one.
#[derive(Debug)]
pub struct Bulkhead {
    places: Arc<Semaphore>,
    /// How many there are at the very most.
    most: usize,
    /// How many there are now.
    size: AtomicUsize,
    /// Places that are gone as soon as who has them leaves.
    owed: Arc<AtomicUsize>,
    queue: Semaphore,
    saturation: Saturation,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct BulkheadPermit {
    permit: Option<OwnedSemaphorePermit>,
    owed: Arc<AtomicUsize>,
    _in_use: InUse,
}

/// There is no place, not even to wait in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Bulkhead {
    /// So many places, shown as the limit `name` of `service`.
    pub fn new(service: &str, name: &str, places: usize, waiting: usize) -> Self {
        let places = places.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            most: places,
            size: AtomicUsize::new(places),
            owed: Arc::default(),
            queue: Semaphore::new(waiting.min(Semaphore::MAX_PERMITS)),
            saturation: Saturation::new(service, "limit", name, places),
        }
    }

    /// So many places from now on, at most as many as in the beginning. Whoever
    /// is in stays in.
    pub fn resize(&self, places: usize) {
        let places = places.min(self.most);
        if places == self.size.load(Ordering::Relaxed) {
            return;
        }
        // Each of two at once makes its own step, so their sum is right.
        let before = self.size.swap(places, Ordering::Relaxed);
        if let Some(more) = places.checked_sub(before) {
            let repaid = take(&self.owed, more);
            self.places.add_permits(more - repaid);
        } else {
            let less = before - places;
            let gone = self.places.forget_permits(less);
            self.owed.fetch_add(less - gone, Ordering::Relaxed);
        }
        self.saturation.set_capacity(places);
    }

    /// Takes a place if one is free.
    pub fn try_enter(&self) -> Option<BulkheadPermit> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        permit.ok().map(|permit| self.entered(permit))
    }

    /// Takes a place, waiting for one if there is a place to wait in. The wait
    /// has no bound of its own; dropping it leaves the queue.
    ///
    /// # Errors
    /// [`Full`] at once when nobody may wait any more.
    pub async fn enter(&self) -> Result<BulkheadPermit, Full> {
        if let Some(place) = self.try_enter() {
            return Ok(place);
        }
        let _queued = self.queue.try_acquire().map_err(|_| self.refuse())?;
        let _waiting = self.saturation.wait();
        // The semaphore is never closed.
        let permit = Arc::clone(&self.places).acquire_owned().await;
        permit.map(|permit| self.entered(permit)).map_err(|_| Full)
    }

    /// The same, waiting for so long at most.
    ///
    /// # Errors
    /// [`Full`] then, too.
    pub async fn enter_within(&self, longest: Duration) -> Result<BulkheadPermit, Full> {
        let entered = tokio::time::timeout(longest, self.enter()).await;
        entered.unwrap_or_else(|_| Err(self.refuse()))
    }

    fn entered(&self, permit: OwnedSemaphorePermit) -> BulkheadPermit {
        BulkheadPermit {
            permit: Some(permit),
            owed: Arc::clone(&self.owed),
            _in_use: self.saturation.enter(),
        }
    }

    fn refuse(&self) -> Full {
        self.saturation.reject();
        Full
    }
}

impl Drop for BulkheadPermit {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && take(&self.owed, 1) == 1
        {
            permit.forget();
        }
    }
}

/// Takes as much as there is, at most so much; gives how much that was.
fn take(from: &AtomicUsize, most: usize) -> usize {
    let order = Ordering::Relaxed;
    let left = |had: usize| (had > 0).then(|| had.saturating_sub(most));
    from.fetch_update(order, order, left)
        .map_or(0, |had| had.min(most))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fill(bulkhead: &Bulkhead) -> Vec<BulkheadPermit> {
        std::iter::from_fn(|| bulkhead.try_enter()).collect()
    }

    #[tokio::test]
    async fn places_come_and_go_and_who_is_in_stays_in() {
        let bulkhead = Bulkhead::new("bulkhead-test", "resized", usize::MAX, 0);
        bulkhead.resize(4);
        let mut held = fill(&bulkhead);
        assert_eq!(held.len(), 4);
        bulkhead.resize(2);
        held.truncate(2);
        assert!(bulkhead.try_enter().is_none(), "two were too many");
        held.truncate(1);
        held.extend(fill(&bulkhead));
        assert_eq!(held.len(), 2);
        // What grows again before anybody left owes nothing.
        bulkhead.resize(1);
        bulkhead.resize(3);
        held.extend(fill(&bulkhead));
        assert_eq!(held.len(), 3);
        held.clear();
        assert_eq!(fill(&bulkhead).len(), 3);
        let bounded = Bulkhead::new("bulkhead-test", "bounded", 2, 0);
        bounded.resize(8);
        assert_eq!(fill(&bounded).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_place_or_leaves_in_time() {
        let bulkhead = Bulkhead::new("bulkhead-test", "waited", 4, 8);
        bulkhead.resize(1);
        let held = bulkhead.try_enter().unwrap();
        let longest = Duration::from_millis(500);
        let waits = bulkhead.enter_within(longest);
        let (waited, ()) = tokio::join!(waits, async { drop(held) });
        let _held = waited.unwrap();
        assert_eq!(bulkhead.enter_within(longest).await.unwrap_err(), Full);
        let text = shoal_telemetry::metrics::encode();
        let line = |name: &str, value: u32| {
            let labels = r#"{service="bulkhead-test",kind="limit",name="waited"}"#;
            let line = format!("{name}{labels} {value}\n");
            assert!(text.contains(&line), "{line} not in {text}");
        };
        line("shoal_saturation_capacity", 1);
        line("shoal_saturation_used", 1);
        line("shoal_saturation_waiting", 0);
        line("shoal_saturation_rejected_total", 1);
    }
}
