//! Settings of the order service.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_saga::{FAULTS_VARIABLE, SagaSettings};
use shoal_service::ConfigFault;

use crate::domain::quotes::Limits;

/// Settings of the order service beside those of the chassis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrderConfig {
    /// Lines that one order may have at most.
    #[schemars(range(min = 1, max = 50))]
    pub max_lines: u32,
    /// Pieces that one line may ask for at most.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_quantity: u32,
    /// Highest total of one order, in minor units of its currency.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub max_total_minor_units: u64,
    /// How long placing or cancelling waits for the outcome before it answers
    /// 202, in milliseconds. The caller's own deadline shortens it.
    #[schemars(range(min = 0, max = 60_000))]
    pub wait_ms: u64,
    /// Bound on one call of billing, which may wait for a payment provider, in
    /// milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub payment_timeout_ms: u64,
    /// Puts a small demonstration catalogue in place at start; repeating it
    /// changes nothing.
    pub seed_catalogue: bool,
    /// Sagas: retries, leases, bounds.
    pub saga: SagaSettings,
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self {
            max_lines: 50,
            max_quantity: 1_000,
            max_total_minor_units: 100_000_000_000,
            wait_ms: 8_000,
            payment_timeout_ms: 8_000,
            seed_catalogue: false,
            saga: SagaSettings::default(),
        }
    }
}

impl OrderConfig {
    /// Rules that types and ranges cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigFault> {
        self.saga.read_faults().map_err(|unreadable| {
            let fault = ConfigFault::new("saga.faults", unreadable.to_string());
            match self.saga.faults.as_str() {
                "" => fault.with_origin(format!("environment variable {FAULTS_VARIABLE}")),
                _ => fault,
            }
        })?;
        if self.saga.backoff_base_ms > self.saga.backoff_max_ms {
            let text = "is above saga.backoff_max_ms";
            return Err(ConfigFault::new("saga.backoff_base_ms", text));
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_lines: usize::try_from(self.max_lines).unwrap_or(usize::MAX),
            max_quantity: i64::from(self.max_quantity),
            max_total: i64::try_from(self.max_total_minor_units).unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn payment_timeout(&self) -> Duration {
        Duration::from_millis(self.payment_timeout_ms)
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}
