//! What can be set about admission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_context::Class;

/// Who decides how many requests are handled at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitMode {
    /// The limit, by what it learns from those that end.
    #[default]
    Adaptive,
    /// `initial_limit`, always.
    Fixed,
}

/// Who is let in. All of it can change at run time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionSettings {
    /// Who decides.
    pub mode: LimitMode,
    /// Least requests handled at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_limit: u32,
    /// Requests handled at once at the start; always, where `mode` is `fixed`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub initial_limit: u32,
    /// Most requests handled at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_limit: u32,
    /// The limit falls when requests take more than their usual time times
    /// this.
    #[schemars(range(min = 1.1, max = 10.0))]
    pub tolerance: f64,
    /// Share of the limit that internal requests may fill, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub internal_share: f64,
    /// Share of the limit that batch requests may fill, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub batch_share: f64,
    /// Requests that wait for a place at once; 0: none ever waits.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_waiting: u32,
    /// Longest such wait, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub max_wait_ms: u64,
    /// Longest wait from when somebody waited in vain until the queue is empty,
    /// in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub standing_wait_ms: u64,
    /// Refuses what has less time left than three of four such requests take.
    pub refuse_doomed: bool,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            mode: LimitMode::Adaptive,
            min_limit: 16,
            initial_limit: 64,
            max_limit: 1_024,
            tolerance: 2.0,
            internal_share: 0.8,
            batch_share: 0.5,
            max_waiting: 128,
            max_wait_ms: 500,
            standing_wait_ms: 10,
            refuse_doomed: true,
        }
    }
}

impl AdmissionSettings {
    /// The settings under a ceiling that stands elsewhere.
    #[must_use]
    pub fn at_most(mut self, ceiling: usize) -> Self {
        let ceiling = u32::try_from(ceiling).unwrap_or(u32::MAX).max(1);
        self.max_limit = self.max_limit.min(ceiling);
        self
    }

    /// Where the limit begins.
    pub(crate) fn start(&self) -> u32 {
        self.bounded(self.initial_limit)
    }

    /// `limit` within the bounds; the upper one wins, and what is fixed has no
    /// lower one.
    pub(crate) fn bounded(&self, limit: u32) -> u32 {
        let least = match self.mode {
            LimitMode::Adaptive => self.min_limit,
            LimitMode::Fixed => 1,
        };
        limit.max(least).min(self.max_limit).max(1)
    }

    /// Places up to which a class is let in under `limit`.
    pub(crate) fn ceiling(&self, class: Class, limit: u32) -> u32 {
        let share = match class {
            Class::Interactive => return limit,
            Class::Internal => self.internal_share,
            Class::Batch => self.batch_share,
        };
        (f64::from(limit) * share).ceil() as u32
    }
}
