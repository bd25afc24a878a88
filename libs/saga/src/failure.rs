//! How a step fails: an error, whether trying again may help, and whether the
//! attempt may have left something behind.

use shoal_error::{CommonCode, Error, Kind};

use crate::machine::{Event, Residue};

/// What a step or a compensation ends with when it does not succeed.
///
/// Made from an [`Error`] by `?`, which judges by the error's kind: faults of
/// servers, networks and deadlines are transient and their effect unknown;
/// refusals (4xx) are permanent and had none. A step that knows better says so
/// with the methods here.
#[derive(Debug)]
pub struct Failure {
    error: Error,
    transient: bool,
    residue: Residue,
}

impl Failure {
    /// Trying again may help; the attempt may have had its effect.
    pub fn transient(error: Error) -> Self {
        Self {
            error,
            transient: true,
            residue: Residue::Possible,
        }
    }

    /// Trying again is useless, and the attempt had no effect.
    pub fn permanent(error: Error) -> Self {
        Self {
            error,
            transient: false,
            residue: Residue::None,
        }
    }

    /// Says that the attempt certainly had no effect.
    #[must_use]
    pub fn without_effect(self) -> Self {
        Self {
            residue: Residue::None,
            ..self
        }
    }

    /// Says that the attempt may have had its effect.
    #[must_use]
    pub fn with_possible_effect(self) -> Self {
        Self {
            residue: Residue::Possible,
            ..self
        }
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// What went wrong, to be given another meaning.
    pub fn into_error(self) -> Error {
        self.error
    }

    pub(crate) fn event(&self) -> Event {
        Event::Failed {
            transient: self.transient,
            residue: self.residue,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // Internal and Cancelled tell nothing about the effect, so both are treated
        // as a lost answer; a key in flight means that the first attempt still runs.
        let lost = error.is_transient()
            || matches!(error.kind(), Kind::Internal | Kind::Cancelled)
            || error.is(CommonCode::IdempotencyInFlight);
        if lost {
            Self::transient(error)
        } else {
            Self::permanent(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_permanent_and_left_nothing() {
        let failure = Failure::from(Error::new(CommonCode::Conflict, "no"));
        assert_eq!(
            failure.event(),
            Event::Failed {
                transient: false,
                residue: Residue::None
            }
        );
    }

    #[test]
    fn a_lost_answer_is_transient_and_may_have_left_something() {
        let lost = Event::Failed {
            transient: true,
            residue: Residue::Possible,
        };
        for code in [
            CommonCode::Unavailable,
            CommonCode::DeadlineExceeded,
            CommonCode::Internal,
            CommonCode::Cancelled,
            CommonCode::IdempotencyInFlight,
        ] {
            assert_eq!(
                Failure::from(Error::new(code, "lost")).event(),
                lost,
                "{code:?}"
            );
        }
    }

    #[test]
    fn a_step_may_know_better_than_the_kind() {
        let failure = Failure::transient(Error::new(CommonCode::Unavailable, "not connected"));
        assert_eq!(
            failure.without_effect().event(),
            Event::Failed {
                transient: true,
                residue: Residue::None
            }
        );
    }
}
