//! Settings of webhook deliveries; every field has a default that works.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_resilience::RetryPolicy;

use crate::guard::TargetPolicy;

/// How webhooks are delivered. Times are milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Lets deliveries reach loopback and private addresses. Only for tests and
    /// closed networks: with it, whoever registers an endpoint reaches the inside.
    pub allow_private_targets: bool,
    /// Endpoints that one owner may register.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_endpoints_per_owner: u32,
    /// Calls under way at once, over all endpoints, for each instance.
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrency: usize,
    /// Calls under way at once to one endpoint, so that a slow receiver cannot
    /// take every slot.
    #[schemars(range(min = 1, max = 1_000))]
    pub per_endpoint_concurrency: usize,
    /// Time to establish a connection.
    #[schemars(range(min = 1))]
    pub connect_timeout_ms: u64,
    /// Time for the whole call, from connecting to the end of the answer.
    #[schemars(range(min = 1))]
    pub request_timeout_ms: u64,
    /// After this a claimed delivery counts as abandoned by a crashed instance;
    /// must exceed `request_timeout_ms`.
    pub lease_ms: u64,
    /// How often the table is looked at when nothing wakes the worker.
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_interval_ms: u64,
    /// Attempts before a delivery becomes a dead letter.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,
    /// Wait after the first failure; doubles with each further one.
    #[schemars(range(min = 1))]
    pub retry_initial_ms: u64,
    /// Longest wait between two attempts.
    #[schemars(range(min = 1))]
    pub retry_max_ms: u64,
    /// No attempt begins later than this after the delivery was queued or
    /// redriven: news that old mislead more than they help. 0 for no bound.
    pub max_age_ms: u64,
    /// An endpoint that has failed for this long without one success is disabled.
    pub disable_after_ms: u64,
    /// How long the old secret still signs after a rotation.
    pub secret_overlap_ms: u64,
    /// How much of a receiver's answer is kept, in bytes.
    #[schemars(range(max = 65_536))]
    pub response_body_limit: usize,
    /// Deliveries that were made, or given up and discarded, are removed after
    /// this time.
    pub keep_delivered_ms: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            allow_private_targets: false,
            max_endpoints_per_owner: 10,
            concurrency: 32,
            per_endpoint_concurrency: 4,
            connect_timeout_ms: 3_000,
            request_timeout_ms: 10_000,
            lease_ms: 60_000,
            poll_interval_ms: 1_000,
            max_attempts: 12,
            retry_initial_ms: 5_000,
            retry_max_ms: 6 * 3_600_000,
            max_age_ms: 3 * 86_400_000,
            disable_after_ms: 5 * 86_400_000,
            secret_overlap_ms: 86_400_000,
            response_body_limit: 1_024,
            keep_delivered_ms: 30 * 86_400_000,
        }
    }
}

impl WebhookConfig {
    pub(crate) fn policy(&self) -> TargetPolicy {
        TargetPolicy {
            allow_private_targets: self.allow_private_targets,
        }
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            max_age: (self.max_age_ms > 0).then(|| Duration::from_millis(self.max_age_ms)),
            ..RetryPolicy::new(
                self.max_attempts,
                Duration::from_millis(self.retry_initial_ms),
                Duration::from_millis(self.retry_max_ms),
            )
        }
    }

    /// Checks what neither types nor the ranges of the schema can say.
    ///
    /// # Errors
    /// Names the setting and what is wrong with it.
    pub fn validate(&self) -> Result<(), WebhookConfigFault> {
        if self.lease_ms <= self.request_timeout_ms {
            return Err(WebhookConfigFault {
                key: "webhook.lease_ms",
                problem: "it must exceed webhook.request_timeout_ms, or a call that is still \
                          under way would be repeated",
            });
        }
        Ok(())
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookConfigFault {
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}
