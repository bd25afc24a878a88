//! When to try again: exponential backoff with jitter, and the limit after
//! which a delivery is given up. Pure; the caller brings clock and chance.

use std::time::Duration;

/// How often and how far apart a failed delivery is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Longest wait after the first failure.
    pub initial: Duration,
    /// Longest wait after any failure.
    pub max: Duration,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this wait.
    Retry(Duration),
    /// Give up.
    Dead,
}

impl RetryPolicy {
    /// Decides after the failure of attempt number `attempt` (from 1).
    ///
    /// The wait lies between half and the whole of `initial · 2^(attempt-1)`,
    /// capped by `max`; `chance` in `[0, 1)` picks the place. A wait that the
    /// receiver asked for (`Retry-After`) lengthens it, up to `max`.
    #[must_use]
    pub fn after_failure(&self, attempt: u32, chance: f64, asked: Option<Duration>) -> Next {
        if attempt >= self.max_attempts {
            return Next::Dead;
        }
        let doubled = self.initial.saturating_mul(
            1_u32
                .checked_shl(attempt.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        let ceiling = doubled.min(self.max);
        let jittered = ceiling.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
        Next::Retry(jittered.max(asked.unwrap_or_default()).min(self.max))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 5,
        initial: Duration::from_millis(100),
        max: Duration::from_secs(1),
    };

    fn wait(attempt: u32, chance: f64) -> u128 {
        match POLICY.after_failure(attempt, chance, None) {
            Next::Retry(wait) => wait.as_millis(),
            Next::Dead => panic!("attempt {attempt} should be retried"),
        }
    }

    #[test]
    fn waits_double_up_to_the_maximum_and_then_it_is_dead() {
        assert_eq!([1, 2, 3, 4].map(|n| wait(n, 1.0)), [100, 200, 400, 800]);
        assert_eq!([1, 2, 3, 4].map(|n| wait(n, 0.0)), [50, 100, 200, 400]);
        assert_eq!(POLICY.after_failure(5, 0.3, None), Next::Dead);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let asked = |seconds| POLICY.after_failure(1, 0.0, Some(Duration::from_secs_f64(seconds)));
        assert_eq!(asked(0.7), Next::Retry(Duration::from_millis(700)));
        assert_eq!(asked(0.0), Next::Retry(Duration::from_millis(50)));
        assert_eq!(asked(1e6), Next::Retry(Duration::from_secs(1)));
    }

    proptest! {
        #[test]
        fn no_attempt_count_overflows_or_exceeds_the_maximum(
            attempt in any::<u32>(),
            chance in 0.0..1.0_f64,
        ) {
            let policy = RetryPolicy { max_attempts: u32::MAX, ..POLICY };
            if let Next::Retry(wait) = policy.after_failure(attempt, chance, None) {
                prop_assert!(wait <= policy.max);
                prop_assert!(wait >= policy.initial / 2);
            }
        }
    }
}
