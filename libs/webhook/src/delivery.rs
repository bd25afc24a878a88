//! Deliveries: one event on its way to one endpoint, and what an answer means.
//! Pure; the SQL is in `store::deliveries`, the HTTP call in `sender`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_queue::Failure;
use utoipa::ToSchema;

/// Where a delivery stands. `delivered` and `dead` are final until a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its first attempt.
    Queued,
    /// A worker holds it under a lease.
    Sending,
    /// The receiver answered 2xx.
    Delivered,
    /// The last attempt failed; another is scheduled.
    Failed,
    /// Given up; can be redriven.
    Dead,
}

impl DeliveryState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "delivered" => Self::Delivered,
            "failed" => Self::Failed,
            _ => Self::Dead,
        }
    }
}

/// An event to be delivered to an owner's endpoints.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookEvent {
    /// Id of the event; deliveries of the same id to the same endpoint happen once.
    pub id: String,
    /// Type, such as `order.confirmed.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, unix milliseconds.
    pub occurred_at_ms: i64,
    /// What happened.
    pub data: serde_json::Value,
}

/// A delivery as its owner and admins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// `whd_…`.
    #[schema(example = "whd_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub id: String,
    /// The endpoint, `whe_…`.
    #[schema(example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub endpoint_id: String,
    /// The event's id.
    #[schema(example = "evt_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub event_id: String,
    /// The event's type.
    #[schema(example = "order.confirmed.v1")]
    pub event_type: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts begun since it was queued or last redriven.
    pub attempts: i64,
    /// HTTP status of the last answer.
    #[schema(required, example = 503)]
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    #[schema(required, example = "answered 503")]
    pub last_error: Option<String>,
    /// When it is tried next, unix milliseconds; absent once final.
    #[schema(required)]
    pub next_attempt_at_ms: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// When it became final, unix milliseconds.
    #[schema(required)]
    pub finished_at_ms: Option<i64>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attempt {
    /// 1 for the first, counted over redrives too.
    pub number: i64,
    /// Unix milliseconds.
    pub started_at_ms: i64,
    /// How long it took, milliseconds.
    pub latency_ms: i64,
    /// HTTP status, if an answer came.
    #[schema(required, example = 503)]
    pub status: Option<i64>,
    /// Why it failed; absent on success.
    #[schema(required, example = "answered 503")]
    pub error: Option<String>,
    /// Beginning of the receiver's answer.
    #[schema(required, example = "try later")]
    pub response_body: Option<String>,
}

/// A delivery with its attempts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Its attempts.
    pub attempt_log: Vec<Attempt>,
}

/// What a call to the receiver came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    /// `None` on success; never carries the URL, which may hold a secret.
    pub(crate) error: Option<String>,
    pub(crate) response_body: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// Reason of a delivery whose receiver says that it is gone for good.
pub(crate) const GONE: &str = "gone";

impl Outcome {
    /// Any 2xx is success; 410 ends the endpoint; everything else, other 4xx
    /// included, is retried, since receivers misconfigure themselves for a while
    /// more often than for ever.
    pub(crate) fn result(&self) -> Result<(), Failure> {
        let Some(error) = &self.error else {
            return Ok(());
        };
        if self.status == Some(410) {
            return Err(Failure::lasting(GONE, error));
        }
        Err(Failure {
            retry_after: self.retry_after,
            ..Failure::passing(error)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn answered(status: u16) -> Outcome {
        Outcome {
            status: Some(status),
            error: (!(200..300).contains(&status)).then(|| format!("answered {status}")),
            response_body: None,
            retry_after: None,
        }
    }

    #[test]
    fn only_2xx_delivers_and_410_ends_the_endpoint() {
        for status in [200, 204] {
            assert_eq!(answered(status).result(), Ok(()), "{status}");
        }
        for (status, lasting) in [(302, None), (404, None), (500, None), (410, Some(GONE))] {
            assert_eq!(
                answered(status).result().unwrap_err().lasting,
                lasting,
                "{status}"
            );
        }
    }

    #[test]
    fn states_survive_being_stored() {
        for state in [
            DeliveryState::Queued,
            DeliveryState::Sending,
            DeliveryState::Delivered,
            DeliveryState::Failed,
            DeliveryState::Dead,
        ] {
            assert_eq!(DeliveryState::from_stored(state.as_str()), state);
        }
    }
}
