//! What callers can do, the same over HTTP and gRPC: rules, rows and sagas put
//! together. One file per resource, as everywhere.

pub(crate) mod cancel;
pub(crate) mod orders;
pub(crate) mod place;
pub(crate) mod products;
pub(crate) mod quotes;
pub(crate) mod sagas;

use std::time::Duration;

use shoal_context::Context;
use shoal_saga::Sagas;
use shoal_store::Store;

use crate::domain::quotes::Limits;

/// Kept back from the caller's deadline for writing the answer down.
const ANSWER_TIME: Duration = Duration::from_millis(150);

/// What every use case works with. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) sagas: Sagas,
    pub(crate) limits: Limits,
    /// How long an answer waits for the end of a saga, at most.
    pub(crate) wait: Duration,
}

impl Shop {
    /// How long this request may wait for the end of a saga.
    fn patience(&self) -> Duration {
        let left = Context::current().remaining_for_callee();
        left.map_or(self.wait, |left| {
            self.wait.min(left.saturating_sub(ANSWER_TIME))
        })
    }
}
