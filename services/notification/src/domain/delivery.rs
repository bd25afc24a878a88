//! States of a delivery and what follows from an attempt's outcome.
//!
//! ```text
//! queued ─claim→ sending ─accepted→ delivered
//!                   ├─passing failure→ failed ─after a wait→ sending
//!                   └─lasting failure, attempts used up→ dead ─redrive→ queued
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_resilience::{Next, RetryPolicy};
use utoipa::ToSchema;

/// Where a delivery stands. `delivered` and `dead` are final until a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// Waits for its first attempt.
    Queued,
    /// A worker holds it under a lease.
    Sending,
    /// The medium took it.
    Delivered,
    /// The last attempt failed; another is scheduled.
    Failed,
    /// Given up.
    Dead,
}

impl DeliveryState {
    /// Its name in rows and JSON.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Sending,
            Self::Delivered,
            Self::Failed,
            Self::Dead,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

/// Why an attempt did not deliver. `detail` never holds an address or content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// May go away by itself.
    Passing {
        /// For admins.
        detail: String,
    },
    /// No repetition helps until somebody mends the cause.
    Lasting {
        /// Stable word: `no_address`, `rejected`, `template`.
        reason: &'static str,
        /// For admins.
        detail: String,
    },
}

/// Where a delivery goes after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The medium took it.
    Delivered,
    /// Try again after the wait.
    Retry {
        /// How long to wait.
        wait: Duration,
        /// For admins.
        detail: String,
    },
    /// Given up.
    Dead {
        /// Stable word for the cause.
        reason: &'static str,
        /// For admins.
        detail: String,
    },
}

/// Decides after attempt number `attempt` (from 1).
#[must_use]
pub(crate) fn judge(
    outcome: Result<(), Failure>,
    policy: &RetryPolicy,
    attempt: u32,
    chance: f64,
) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Delivered,
        Err(Failure::Lasting { reason, detail }) => Verdict::Dead { reason, detail },
        Err(Failure::Passing { detail }) => {
            match policy.after_failure(attempt, Duration::ZERO, chance, None) {
                Next::Retry(wait) => Verdict::Retry { wait, detail },
                Next::Exhausted | Next::Expired => Verdict::Dead {
                    reason: "attempts_exhausted",
                    detail,
                },
            }
        }
    }
}

/// What an SMTP reply code means. Codes of authentication (53x) are our own
/// misconfiguration, not the recipient's, so the mail waits for its repair.
#[must_use]
pub(crate) fn smtp_failure(code: u16, enhanced: &str) -> Failure {
    let detail = format!("the mail server answered {code} {enhanced}")
        .trim_end()
        .to_owned();
    match code {
        530..=539 | 400..=499 => Failure::Passing { detail },
        500..=599 => Failure::Lasting {
            reason: "rejected",
            detail,
        },
        _ => Failure::Passing { detail },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy::new(3, Duration::from_secs(1), Duration::from_secs(10));

    fn passing() -> Result<(), Failure> {
        Err(Failure::Passing {
            detail: "down".into(),
        })
    }

    #[test]
    fn passing_failures_are_repeated_until_the_attempts_are_used_up() {
        for (attempt, seconds) in [(1, 1), (2, 2)] {
            let Verdict::Retry { wait, .. } = judge(passing(), &POLICY, attempt, 1.0) else {
                panic!("attempt {attempt} should be followed by another");
            };
            assert_eq!(wait, Duration::from_secs(seconds));
        }
        assert!(matches!(
            judge(passing(), &POLICY, 3, 1.0),
            Verdict::Dead {
                reason: "attempts_exhausted",
                ..
            }
        ));
    }

    #[test]
    fn lasting_failures_are_dead_at_once() {
        let failure = smtp_failure(550, "5.1.1");
        let verdict = judge(Err(failure), &POLICY, 1, 0.5);
        assert_eq!(
            verdict,
            Verdict::Dead {
                reason: "rejected",
                detail: "the mail server answered 550 5.1.1".into()
            }
        );
    }

    #[test]
    fn our_own_bad_credentials_kill_no_mail() {
        for code in [421, 450, 452, 530, 535, 538] {
            assert!(
                matches!(smtp_failure(code, ""), Failure::Passing { .. }),
                "{code}"
            );
        }
        for code in [501, 550, 552, 554] {
            assert!(
                matches!(smtp_failure(code, ""), Failure::Lasting { .. }),
                "{code}"
            );
        }
    }
}
