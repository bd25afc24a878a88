//! Events that modules announce to each other. Payload types carry their
//! documentation and JSON Schema; a consumer ignores fields it does not know,
//! so adding an optional field is compatible, anything else is a new version.

pub mod auth;
pub mod billing;
pub mod notification;
pub mod order;

use serde::{Serialize, de::DeserializeOwned};

/// A payload that can stand in an event envelope.
pub trait Event: Serialize + DeserializeOwned + schemars::JsonSchema + Send + 'static {
    /// Type and version on the wire, e.g. `order.confirmed.v1`.
    const TYPE: &'static str;

    /// Id of the thing that the event is about. Events of one subject are
    /// published in the order in which they were recorded.
    fn subject(&self) -> &str;
}
