//! What a breaker tells people.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::settings::Mode;

/// Whether calls pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All do.
    Closed = 0,
    /// A few do, on trial.
    HalfOpen = 1,
    /// None does.
    Open = 2,
}

impl State {
    /// As metrics and logs have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What made a breaker change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// More calls were bad than the threshold allows.
    ThresholdExceeded,
    /// The pause ended.
    PauseOver,
    /// The trial calls went well.
    TrialPassed,
    /// The trial calls went badly.
    TrialFailed,
    /// Somebody changed the mode.
    Set,
}

/// Why a breaker tripped.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    /// Length of the look that was decisive, in seconds.
    pub window_s: f64,
    /// Calls in it.
    pub calls: u64,
    /// Calls in it that failed or were slow.
    pub bad_calls: u64,
    /// At most so many of these succeeded but were slow.
    pub slow_calls: u64,
    /// Share of bad calls, 0 to 1.
    pub error_rate: f64,
    /// The share that was exceeded.
    pub threshold: f64,
    /// The share that is usual.
    pub usual_error_rate: f64,
    /// Odds, as a power of ten, against seeing this at the threshold.
    pub certainty: f64,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} calls of the last {} s were bad ({:.1} %), above {:.1} % (usual: {:.1} %)",
            self.bad_calls,
            self.calls,
            self.window_s,
            self.error_rate * 100.0,
            self.threshold * 100.0,
            self.usual_error_rate * 100.0,
        )
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// What made it change.
    pub cause: Cause,
    /// The figures, when it tripped.
    pub reason: Option<Reason>,
}

/// All that a breaker knows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Snapshot {
    /// Whether calls pass.
    pub state: State,
    /// Who decides.
    pub mode: Mode,
    /// Seconds in this state.
    pub since_s: f64,
    /// Seconds until a trial call is made, while open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_s: Option<f64>,
    /// Calls of the last 60 s.
    pub calls: u64,
    /// Those of them that failed or were slow.
    pub bad_calls: u64,
    /// Share of bad calls, 0 to 1.
    pub error_rate: f64,
    /// The learned share.
    pub usual_error_rate: f64,
    /// The share beyond which it trips.
    pub threshold: f64,
    /// How much wider the calls scatter than independent ones would.
    pub scatter: f64,
    /// P95 of the calls that succeeded, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// The learned P95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_p95_ms: Option<f64>,
    /// A call that takes longer is slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<f64>,
    /// How often it tripped.
    pub trips: u64,
    /// Why it tripped last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}
