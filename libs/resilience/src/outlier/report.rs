//! What is told about instances that are left out.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// Why an instance is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutlierCause {
    /// No connection to it can be opened, or it broke.
    Unreachable,
    /// It answers nothing while the others do.
    Silent,
    /// It fails more calls than the others.
    Failing,
    /// It takes longer than the others for the same calls.
    Slow,
}

impl OutlierCause {
    pub(crate) const ALL: [Self; 4] = [Self::Unreachable, Self::Silent, Self::Failing, Self::Slow];

    /// As metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Failing => "failing",
            Self::Slow => "slow",
        }
    }
}

/// Calls of the last ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeatCalls {
    /// All that were answered or failed.
    pub all: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were late.
    pub late: u64,
}

/// An instance is left out, or is back.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlierEvent {
    /// Its address.
    pub instance: String,
    /// Why it is left out; `None` when it is back.
    pub cause: Option<OutlierCause>,
    /// How long it rests.
    pub rest: Duration,
    /// Its own calls.
    pub own: SeatCalls,
    /// Calls of the others.
    pub others: SeatCalls,
}

impl fmt::Display for OutlierEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cause) = self.cause else {
            return write!(f, "{} takes calls again", self.instance);
        };
        let (own, others, rest) = (self.own, self.others, self.rest.as_secs_f64());
        write!(f, "{} is left out for {rest:.1} s: ", self.instance)?;
        match cause {
            OutlierCause::Unreachable => write!(f, "it cannot be reached"),
            OutlierCause::Silent => write!(f, "it answers nothing, others do"),
            OutlierCause::Failing => write!(
                f,
                "{} of its {} calls failed, {} of {} of the others",
                own.failed, own.all, others.failed, others.all
            ),
            OutlierCause::Slow => write!(
                f,
                "{} of its {} calls were late, {} of {} of the others",
                own.late, own.all, others.late, others.all
            ),
        }
    }
}

/// What is known of one instance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InstanceReport {
    /// Its address.
    pub address: String,
    /// Why it is left out; absent while it takes calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<OutlierCause>,
    /// Seconds until trial calls may be sent to it, while it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_s: Option<f64>,
    /// Its calls of the last ten seconds.
    pub calls: SeatCalls,
    /// How often it was left out so far.
    pub ejections: u64,
}
