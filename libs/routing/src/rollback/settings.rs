//! Settings of the automatic rollback.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a rule is paused by itself. Both sides are the requests of the last
/// `window_s` seconds at this gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollbackSettings {
    /// Pauses a rule whose requests do worse than those that it left plain.
    pub enabled: bool,
    /// Length of the window that is compared, in seconds.
    #[schemars(range(min = 10, max = 3_600))]
    pub window_s: u64,
    /// Requests that each side needs before anything is said.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub min_requests: u64,
    /// Rise of the share of failed requests (5xx) that matters: 0.01 is one
    /// request in a hundred more.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub error_margin: f64,
    /// How many times the stable side's P95 or P99 the gray side's may be.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub latency_tolerance: f64,
    /// Rise of P95 or P99 that matters whatever the factor, in milliseconds.
    #[schemars(range(min = 0, max = 60_000))]
    pub latency_margin_ms: u64,
    /// Largest chance that equal sides would differ so (p-value).
    #[schemars(range(min = 0.000_000_000_001, max = 0.05))]
    pub p_value: f64,
    /// Looks running that must agree.
    #[schemars(range(min = 1, max = 100))]
    pub confirmations: u32,
    /// Time between two looks, in milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub check_ms: u64,
}

impl RollbackSettings {
    /// Length of the window.
    #[must_use]
    pub const fn window(&self) -> Duration {
        Duration::from_secs(self.window_s)
    }

    /// Time between two looks.
    #[must_use]
    pub const fn check(&self) -> Duration {
        Duration::from_millis(self.check_ms)
    }
}

impl Default for RollbackSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            // Short enough that old goodness does not hide a new fault.
            window_s: 60,
            // Fifty requests show a fault of one in ten; fewer show chance.
            min_requests: 50,
            // Less than one in a hundred is for people to judge.
            error_margin: 0.01,
            // A release may be somewhat slower; half as slow again may not.
            latency_tolerance: 1.5,
            // Twice 2 ms is no reason to go back.
            latency_margin_ms: 20,
            // Three tests a second are 260,000 a day, most of them on nearly the
            // same requests.
            p_value: 0.000_000_1,
            confirmations: 3,
            check_ms: 1_000,
        }
    }
}
