//! Events that the notification module publishes.
//!
//! Deliveries that went well are not announced: nobody waits for them, and they
//! would double the traffic of the bus. They can be asked for by gRPC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A delivery was given up; a person should look at it, mend the cause and
/// redrive it. Carries no address and no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryDeadV1 {
    /// The delivery, `dlv_…`.
    pub delivery_id: String,
    /// The notification that it belongs to, `ntf_…`.
    pub notification_id: String,
    /// The user who was to be told, `usr_…`.
    pub user_id: String,
    /// `email` or `inbox`.
    pub channel: String,
    /// Name of the template.
    pub template: String,
    /// Attempts that were made.
    pub attempts: u32,
    /// Stable word for the cause: `no_address`, `rejected`, `template`,
    /// `attempts_exhausted`.
    pub reason: String,
    /// Unix milliseconds at which it was given up.
    pub dead_at_ms: i64,
}

/// A webhook endpoint was switched off after failing for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookEndpointDisabledV1 {
    /// The endpoint, `whe_…`.
    pub endpoint_id: String,
    /// Who registered it, usually a user id.
    pub owner: String,
    /// Unix milliseconds of the first failure of the unbroken series.
    pub failing_since_ms: i64,
    /// Unix milliseconds at which it was switched off.
    pub disabled_at_ms: i64,
}

super::events! {
    DeliveryDeadV1 = "notification.delivery_dead.v1", delivery_id;
    WebhookEndpointDisabledV1 = "notification.webhook_endpoint_disabled.v1", endpoint_id;
}
