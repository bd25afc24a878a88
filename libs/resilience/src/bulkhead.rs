//! Bounds the calls under way to one dependency, and those that wait, so that
//! one that is slow does not hold everything that its callers have.

use std::sync::Arc;

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
    queue: Semaphore,
    saturation: Saturation,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct BulkheadPermit {
    _permit: OwnedSemaphorePermit,
    _in_use: InUse,
}

/// There is no place, not even to wait in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Bulkhead {
    /// So many places, shown as the limit `name` of `service`.
    pub fn new(service: &str, name: &str, places: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            queue: Semaphore::new(waiting.min(Semaphore::MAX_PERMITS)),
            saturation: Saturation::new(service, "limit", name, places),
        }
    }

    /// Takes a place, waiting for one if there is a place to wait in. The wait
    /// has no bound of its own; dropping it leaves the queue.
    ///
    /// # Errors
    /// [`Full`] at once when nobody may wait any more.
    pub async fn enter(&self) -> Result<BulkheadPermit, Full> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Ok(BulkheadPermit {
            _permit: permit,
            _in_use: self.saturation.enter(),
        })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Full> {
        let refused = |_| {
            self.saturation.reject();
            Full
        };
        let _queued = self.queue.try_acquire().map_err(refused)?;
        let _waiting = self.saturation.wait();
        // The semaphore is never closed.
        let permit = Arc::clone(&self.places).acquire_owned().await;
        permit.map_err(|_| Full)
    }
}
