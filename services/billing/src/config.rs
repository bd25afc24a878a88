//! Settings of billing, beside those of the chassis.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_money::Currency;
use shoal_telemetry::Redacted;
use shoal_webhook::WebhookConfig;

/// Settings of billing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BillingConfig {
    /// Who issues invoices.
    pub issuer: IssuerConfig,
    /// ISO 4217 codes of the currencies that are taken; empty takes all.
    pub accepted_currencies: Vec<Currency>,
    /// The payment provider.
    pub provider: ProviderConfig,
    /// Webhooks to customers and administrators.
    pub webhook: WebhookConfig,
}

/// Who issues invoices. Each issuer has unbroken numbers of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerConfig {
    /// Name of the issuer in the books. A new name begins new numbers.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What invoice numbers begin with: `SHOAL` makes `SHOAL-000001`.
    #[schemars(length(min = 1, max = 20))]
    pub prefix: String,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            name: "Shoal".to_owned(),
            prefix: "SHOAL".to_owned(),
        }
    }
}

/// How the payment provider is spoken to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderConfig {
    /// How long an answer is waited for, milliseconds. After that the outcome is
    /// unknown and the reconciler finds it out.
    #[schemars(range(min = 10, max = 60_000))]
    pub timeout_ms: u64,
    /// Operations under way at once in one process; more wait.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_in_flight: usize,
    /// Secret that signs the provider's callbacks. Without one a process makes
    /// its own, which only the sandbox in the same process knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_secret: Option<Redacted<String>>,
    /// First wait before an undecided operation is looked at again, milliseconds;
    /// it doubles each time.
    #[schemars(range(min = 10, max = 60_000))]
    pub retry_initial_ms: u64,
    /// Longest such wait, milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub retry_max_ms: u64,
    /// How often undecided operations are looked for, milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_ms: u64,
    /// How long after it was last submitted a key that the provider does not
    /// know will never be executed, milliseconds: the provider's promise.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub settle_after_ms: u64,
    /// Age at which an undecided operation is not submitted again, milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub give_up_after_ms: u64,
    /// The sandbox provider.
    pub sandbox: SandboxConfig,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 2_000,
            max_in_flight: 256,
            callback_secret: None,
            retry_initial_ms: 500,
            retry_max_ms: 60_000,
            poll_ms: 500,
            settle_after_ms: 30_000,
            give_up_after_ms: 900_000,
            sandbox: SandboxConfig::default(),
        }
    }
}

/// The sandbox provider, which needs no contract and moves no real money.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// How long a slow answer takes, milliseconds.
    #[schemars(range(min = 0, max = 60_000))]
    pub slow_ms: u64,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { slow_ms: 800 }
    }
}

impl ProviderConfig {
    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long whoever works on an operation is left alone: three attempts and
    /// a query at their slowest, and some time to write it down.
    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.timeout_ms.saturating_mul(2).saturating_add(1_000))
            .unwrap_or(i64::MAX / 4)
    }

    /// How long to wait after so many attempts in vain.
    pub(crate) fn retry_after_ms(&self, attempts: i64) -> i64 {
        let doublings = u32::try_from(attempts.clamp(0, 20)).unwrap_or(20);
        let wait = self
            .retry_initial_ms
            .saturating_mul(1 << doublings)
            .min(self.retry_max_ms);
        i64::try_from(wait).unwrap_or(i64::MAX / 4)
    }

    pub(crate) fn settle_after_ms(&self) -> i64 {
        i64::try_from(self.settle_after_ms).unwrap_or(i64::MAX / 4)
    }

    pub(crate) fn give_up_after_ms(&self) -> i64 {
        i64::try_from(self.give_up_after_ms).unwrap_or(i64::MAX / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let config = ProviderConfig::default();
        let waits: Vec<i64> = [0, 1, 2, 6, 7, 60]
            .map(|n| config.retry_after_ms(n))
            .to_vec();
        assert_eq!(waits, [500, 1_000, 2_000, 32_000, 60_000, 60_000]);
    }
}
