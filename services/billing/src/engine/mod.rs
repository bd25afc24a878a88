//! Operations from the request to the settled outcome: the I/O around the
//! rules in [`crate::domain`].
//!
//! ```text
//! request ─claim→ operation (pending, leased) ─drive→ provider
//!                      ▲                                │
//!                      │ postpone (answer unknown)      │ answer
//!                 reconciler ◄──────────────────────────┤
//!                                callback ─────────► settle: state, ledger,
//!                                                    document, events, answer
//! ```
//!
//! The operation is durable before the provider hears of it, and its id is the
//! key towards the provider. So whatever dies in between, the operation is found
//! again and asked for again, and is done at most once. Settling is one
//! transaction, guarded by the operation still being pending, so that an answer,
//! a callback and the reconciler may come at the same time.
//!
//! Rejected: calling the provider inside the transaction (holds the payment's
//! row for as long as a stranger takes), and an in-memory retry (a crash would
//! lose it).

mod book;
mod callbacks;
mod cancel;
mod claim;
mod drive;
mod outcome;
mod reads;
mod reconcile;
mod settle;

use std::sync::Arc;

use shoal_store::Store;
use shoal_task::{Scope, SharedClock};
use shoal_webhook::{Secret, Webhooks};
use tokio::sync::Semaphore;

pub use callbacks::Received;
pub use cancel::Cancelled;
pub use claim::Caller;
pub(crate) use drive::Verdict;
pub use outcome::{Done, Outcome};
pub(crate) use reads::Viewer;

use crate::config::BillingConfig;
use crate::provider::Provider;

/// Does what billing does. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SharedClock,
    provider: Arc<dyn Provider>,
    config: Arc<BillingConfig>,
    webhooks: Webhooks,
    callback_secret: Secret,
    scope: Scope,
    places: Arc<Semaphore>,
}

/// What an engine is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// What time it is.
    pub clock: SharedClock,
    /// Who moves the money.
    pub provider: Arc<dyn Provider>,
    /// Settings.
    pub config: Arc<BillingConfig>,
    /// Whom to tell besides the bus.
    pub webhooks: Webhooks,
    /// What signs the provider's callbacks.
    pub callback_secret: Secret,
    /// Owner of operations under way.
    pub scope: Scope,
}

impl Engine {
    /// Puts an engine together. [`Engine::start_reconciler`] starts its
    /// background work.
    pub fn new(parts: Parts) -> Self {
        let places = Arc::new(Semaphore::new(parts.config.provider.max_in_flight));
        Self(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            provider: parts.provider,
            config: parts.config,
            webhooks: parts.webhooks,
            callback_secret: parts.callback_secret,
            scope: parts.scope,
            places,
        }))
    }

    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("provider", &self.0.provider.name())
            .finish_non_exhaustive()
    }
}
