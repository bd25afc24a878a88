//! Webhooks: an owner registers a URL, and hears of its events there, signed.
//!
//! Shared by the services that offer webhooks, so that signatures, retries and
//! the guard against server-side request forgery exist once. Each service keeps
//! endpoints and deliveries in its own database: an event is queued in the
//! transaction that makes it true ([`Webhooks::enqueue`]), so it is delivered if
//! and only if it happened.
//!
//! Rejected: a service of its own, to which the others send events. It would be
//! one more hop that can lose the order of queueing and truth, and would gather
//! every service's payloads in one place. Rejected too: delivering straight from
//! the bus, because a consumer group has one position for all receivers, and a
//! receiver that is down for a day would hold up the rest.
//!
//! Delivery is at least once. A receiver drops repeats by `Shoal-Event-Id`,
//! which is the same in each of them.
//!
//! ```text
//! enqueue → queued ─claim→ sending ─2xx→ delivered
//!                             ├─else→ failed ─after a wait→ sending
//!                             └─attempts used up, 410→ dead ─redrive→ queued
//! ```

pub mod codes;
pub mod config;
pub mod delivery;
pub mod endpoint;
pub mod guard;
pub mod http;
mod sender;
pub mod signature;
mod store;
mod webhooks;
mod worker;

pub use codes::WebhookCode;
pub use config::{WebhookConfig, WebhookConfigFault};
pub use delivery::{Attempt, Delivery, DeliveryDetail, DeliveryState, WebhookEvent};
pub use endpoint::{Endpoint, EndpointPatch, EndpointState, EndpointWithSecret, NewEndpoint};
pub use guard::TargetPolicy;
pub use signature::{
    DEFAULT_TOLERANCE, EVENT_ID_HEADER, EVENT_TYPE_HEADER, SIGNATURE_HEADER, Secret, VerifyError,
    sign, verify,
};
pub use webhooks::{DeliveryFilter, Webhooks, migrations};
pub use worker::{EndpointDisabled, OnDisabled};
