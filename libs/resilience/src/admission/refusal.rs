//! What a request hears that was not begun.

use std::time::Duration;

use shoal_context::Class;
use shoal_error::{CommonCode, Error};

/// Pause that is advised while as many come as can be served.
const PAUSE: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

/// Why a request was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No place for its class, and none to wait in.
    Busy = 0,
    /// It waited in vain.
    Waited = 1,
    /// It waited, and had to leave for one that is more urgent.
    Displaced = 2,
    /// It has less time left than such requests take.
    Doomed = 3,
}

impl Why {
    pub(crate) const ALL: [Self; 4] = [Self::Busy, Self::Waited, Self::Displaced, Self::Doomed];

    /// As metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Waited => "waited",
            Self::Displaced => "displaced",
            Self::Doomed => "deadline",
        }
    }
}

/// A request that was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// When it is worth coming again; none for one that must bring more time.
    pub retry_after: Option<Duration>,
}

/// One rule for both protocols: the service is busy (503, `UNAVAILABLE`) and
/// says when to come again, or the caller's time cannot suffice (504,
/// `DEADLINE_EXCEEDED`). 429 and `RESOURCE_EXHAUSTED` are for one caller who
/// takes more than its share, which is not decided here.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (code, text) = match refusal.why {
            Why::Busy => (CommonCode::Overloaded, "The service is busy."),
            Why::Waited => (
                CommonCode::Overloaded,
                "The service is busy; the request waited in vain.",
            ),
            Why::Displaced => (
                CommonCode::Overloaded,
                "The service is busy with more urgent requests.",
            ),
            Why::Doomed => (
                CommonCode::DeadlineExceeded,
                "Not begun: too little time was left for such a request.",
            ),
        };
        let error = Self::new(code, text);
        match refusal.retry_after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }
}

/// When one that was refused may come again. If all refused ones came after
/// the same time, they would be as many again: the pause grows with how many
/// come for each that is served, is longer for the less urgent, and varies by
/// half. `chance` is from 0 to 1.
pub(crate) fn retry_after(pressure: f64, class: Class, chance: f64) -> Duration {
    let patience = match class {
        Class::Interactive => 1.0,
        Class::Internal => 2.0,
        Class::Batch => 4.0,
    };
    let pause = PAUSE.as_secs_f64() * pressure.max(1.0) * patience;
    let varied = pause * (0.5 + chance);
    Duration::from_secs_f64(varied.clamp(SHORTEST.as_secs_f64(), LONGEST.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn being_busy_and_having_too_little_time_are_told_apart() {
        let refusal = |why| Refusal {
            why,
            retry_after: Some(PAUSE),
        };
        for why in [Why::Busy, Why::Waited, Why::Displaced] {
            assert!(Error::from(refusal(why)).is(CommonCode::Overloaded));
        }
        let doomed = Error::from(refusal(Why::Doomed));
        assert!(doomed.is(CommonCode::DeadlineExceeded));
    }

    proptest! {
        #[test]
        fn the_more_come_and_the_less_urgent_they_are_the_later_they_may_again(
            pressure in 1.0_f64..30.0,
            chance in 0.0_f64..1.0,
        ) {
            let after = |pressure, class| retry_after(pressure, class, chance);
            prop_assert!(after(pressure * 2.0, Class::Interactive) > after(pressure, Class::Interactive));
            prop_assert!(after(pressure, Class::Internal) > after(pressure, Class::Interactive));
            prop_assert!(after(pressure, Class::Batch) >= after(pressure, Class::Internal));
            prop_assert!((SHORTEST..=LONGEST).contains(&after(pressure, Class::Batch)));
        }
    }
}
