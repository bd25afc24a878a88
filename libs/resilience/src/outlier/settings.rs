//! What can be set about leaving out single instances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When one instance of a dependency is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierSettings {
    /// Whether instances are left out that fail, hang or are slow. One that
    /// cannot be reached rests in any case.
    pub enabled: bool,
    /// Most instances that are left out at once, per hundred; never the last.
    #[schemars(range(min = 0, max = 50))]
    pub max_percent: u32,
    /// Share of failed calls, 0 to 1, at which an instance is never left out,
    /// however good the others are.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_error_rate: f64,
    /// A call is late that takes longer than the usual of its method times this.
    #[schemars(range(min = 1.5, max = 100.0))]
    pub slow_factor: f64,
    /// A call that takes less is never late, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub slow_min_ms: u64,
    /// An instance that answers nothing for so long while others do is left
    /// out, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub silent_ms: u64,
    /// How sure it must be that an instance is worse than the others: the odds,
    /// as a power of ten, against leaving it out by chance.
    #[schemars(range(min = 1, max = 15))]
    pub confidence: u32,
    /// First rest in milliseconds; it doubles each time, and each is varied by
    /// a fifth.
    #[schemars(range(min = 1, max = 600_000))]
    pub rest_ms: u64,
    /// Longest rest, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub max_rest_ms: u64,
    /// Trial calls under way at once to an instance whose rest is over.
    #[schemars(range(min = 1, max = 100))]
    pub probes: u32,
}

impl Default for OutlierSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_percent: 50,
            min_error_rate: 0.05,
            slow_factor: 3.0,
            slow_min_ms: 50,
            silent_ms: 1_000,
            confidence: 4,
            rest_ms: 200,
            max_rest_ms: 30_000,
            probes: 1,
        }
    }
}
