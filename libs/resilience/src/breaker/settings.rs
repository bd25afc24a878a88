//! What can be set about a breaker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who decides whether calls pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The breaker, by what it learned.
    #[default]
    Adaptive,
    /// All calls pass; it goes on counting and learning.
    Disabled,
    /// No call passes, e.g. while a dependency is being repaired.
    ForcedOpen,
}

/// How a breaker learns and when it trips. All of it can change at run time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Who decides.
    pub mode: Mode,
    /// It trips when the share of bad calls exceeds the learned one times this.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub sensitivity: f64,
    /// Share of bad calls, 0 to 1, at which it never trips, however good the
    /// dependency usually is.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_error_rate: f64,
    /// A call that succeeds is bad all the same when it takes longer than the
    /// learned P95 times this.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub slow_factor: f64,
    /// A call that takes less is never slow, in milliseconds: calls to one
    /// dependency are of many kinds, and the mixture changes.
    #[schemars(range(min = 0, max = 600_000))]
    pub slow_min_ms: u64,
    /// Share of bad calls that is assumed before anything was learned.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub assumed_error_rate: f64,
    /// How sure it must be that the threshold is exceeded: the odds, as a power
    /// of ten, against tripping by chance at one look. 5 means one in 100,000.
    #[schemars(range(min = 1, max = 15))]
    pub confidence: u32,
    /// First pause before a dependency is tried again, in milliseconds; it
    /// doubles while the trials fail, and each is varied by a fifth.
    #[schemars(range(min = 1, max = 600_000))]
    pub open_ms: u64,
    /// Longest such pause, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub max_open_ms: u64,
    /// Trial calls under way at once while half open.
    #[schemars(range(min = 1, max = 1_000))]
    pub probes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Adaptive,
            sensitivity: 1.2,
            min_error_rate: 0.05,
            slow_factor: 3.0,
            slow_min_ms: 500,
            assumed_error_rate: 0.25,
            confidence: 5,
            open_ms: 1_000,
            max_open_ms: 30_000,
            probes: 3,
        }
    }
}
