//! What can be set about sagas.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_resilience::RetryPolicy;

use crate::faults::{FaultSyntax, Faults};

/// Timing and bounds of the saga runner. Durations are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SagaSettings {
    /// Retries of one step or compensation after its first attempt.
    #[schemars(range(min = 0, max = 3))]
    pub retries: u32,
    /// Pause before the first retry; it doubles with each further one.
    #[schemars(range(min = 1, max = 2000))]
    pub backoff_base_ms: u64,
    /// Longest pause between two attempts.
    #[schemars(range(min = 1, max = 2000))]
    pub backoff_max_ms: u64,
    /// How long a saga belongs to an instance that gives no sign of life. After
    /// a crash it takes this long until another instance goes on with it.
    #[schemars(range(min = 100, max = 600_000))]
    pub lease_ms: u64,
    /// How often an instance looks for sagas whose owner is gone.
    #[schemars(range(min = 10, max = 600_000))]
    pub claim_every_ms: u64,
    /// Sagas that one instance carries out at the same time.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_running: u32,
    /// Sagas that wait for a place in this instance; more wait in the database.
    #[schemars(range(min = 1, max = 100_000))]
    pub queue: u32,
    /// A saga that takes longer is marked on its span and counted.
    #[schemars(range(min = 1))]
    pub slow_after_ms: u64,
    /// How long an ended saga and its log are kept.
    #[schemars(range(min = 1))]
    pub keep_ended_hours: u64,
    /// Seed of the jitter, so that a run can be repeated.
    pub seed: u64,
    /// Fault injection for tests and drills, e.g.
    /// `place_order.authorize.after=kill`; never set in production. When empty,
    /// the variable SHOAL_FAULTS is read.
    pub faults: String,
}

impl Default for SagaSettings {
    fn default() -> Self {
        Self {
            retries: 3,
            backoff_base_ms: 100,
            backoff_max_ms: 2_000,
            lease_ms: 5_000,
            claim_every_ms: 1_000,
            max_running: 64,
            queue: 1_024,
            slow_after_ms: 30_000,
            keep_ended_hours: 168,
            seed: 0,
            faults: String::new(),
        }
    }
}

impl SagaSettings {
    /// The faults to inject: those of the setting, else those of the variable
    /// [`FAULTS_VARIABLE`](crate::FAULTS_VARIABLE).
    ///
    /// # Errors
    /// [`FaultSyntax`] names the entry that cannot be read.
    pub fn read_faults(&self) -> Result<Faults, FaultSyntax> {
        if self.faults.is_empty() {
            return Faults::from_env();
        }
        self.faults.parse()
    }

    /// A third of each pause is left to chance, so that none is shorter than the
    /// base doubled as often, except under the longest.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        let base = Duration::from_millis(self.backoff_base_ms);
        let longest = Duration::from_millis(self.backoff_max_ms);
        RetryPolicy {
            jitter: 1.0 / 3.0,
            ..RetryPolicy::new(self.retries.saturating_add(1), base * 3 / 2, longest)
        }
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(crate) fn slow_after(&self) -> Duration {
        Duration::from_millis(self.slow_after_ms)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::chance::{seed_of, unit};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_begin_at_the_base_double_and_end_at_the_longest(
            chance in 0.0..=1.0_f64,
            retry in 1_u32..64,
        ) {
            let settings = SagaSettings::default();
            let pause = settings.retry_policy().pause(retry, chance);
            let doubled = Duration::from_millis(100 << (retry - 1).min(20));
            let least = doubled.min(Duration::from_millis(1_333));
            let most = Duration::from_secs(2);
            prop_assert!(pause + Duration::from_nanos(1) >= least && pause <= most, "{pause:?}");
        }
    }

    #[test]
    fn sagas_that_fail_together_do_not_retry_together() {
        let policy = SagaSettings::default().retry_policy();
        let pause = |i| policy.pause(1, unit(seed_of(7, &format!("sga_{i}"), 0)));
        let pauses: std::collections::HashSet<_> = (0..100).map(pause).collect();
        assert!(pauses.len() > 50, "{} distinct pauses", pauses.len());
    }
}
