//! When to try again what failed. The one policy that calls, events, queues and
//! sagas share, so that an operator learns one set of words and one set of
//! rules. Pure: the caller brings the time that has passed and the chance.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// How often, how far apart and for how long something that failed is repeated.
///
/// Pauses double from `first` up to `longest`; a share of each is left to
/// chance, so that those who failed together do not come back together (the
/// "jitter" of M. Brooker, "Exponential Backoff And Jitter", 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Longest pause after the first failure.
    pub first: Duration,
    /// Longest pause after any failure.
    pub longest: Duration,
    /// Share of a pause that is left to chance, 0 to 1: [`HALF`] keeps at least
    /// half of it, 1 is Brooker's full jitter.
    pub jitter: f64,
    /// No attempt begins later than this after the first one was due.
    pub max_age: Option<Duration>,
}

/// The jitter that everyone has who has no reason for another. Full jitter
/// spreads a little better, but draws pauses near zero, and those use up the
/// attempts of a receiver that is away for a while.
pub const HALF: f64 = 0.5;

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this pause.
    Retry(Duration),
    /// Give up: the attempts are used up.
    Exhausted,
    /// Give up: the next attempt would come too late.
    Expired,
}

impl RetryPolicy {
    /// A policy with the usual jitter and no bound on age.
    #[must_use]
    pub const fn new(max_attempts: u32, first: Duration, longest: Duration) -> Self {
        Self {
            max_attempts,
            first,
            longest,
            jitter: HALF,
            max_age: None,
        }
    }

    /// The pause after failure number `failure` (from 1); `chance` in `[0, 1]`
    /// picks the place, 1 being the longest.
    #[must_use]
    pub fn pause(&self, failure: u32, chance: f64) -> Duration {
        let doubled = 1_u32
            .checked_shl(failure.saturating_sub(1))
            .map_or(self.longest, |factor| self.first.saturating_mul(factor));
        let whole = doubled.min(self.longest);
        let less = self.jitter.clamp(0.0, 1.0) * (1.0 - chance.clamp(0.0, 1.0));
        whole.saturating_sub(whole.mul_f64(less))
    }

    /// Decides after the failure of attempt number `attempt` (from 1), `age`
    /// after the first was due. A pause that the other side asked for
    /// (`Retry-After`) lengthens ours, up to `longest`.
    #[must_use]
    pub fn after_failure(
        &self,
        attempt: u32,
        age: Duration,
        chance: f64,
        asked: Option<Duration>,
    ) -> Next {
        if attempt >= self.max_attempts {
            return Next::Exhausted;
        }
        let asked = asked.unwrap_or_default().min(self.longest);
        let pause = self.pause(attempt, chance).max(asked);
        match self.max_age {
            Some(most) if age.saturating_add(pause) > most => Next::Expired,
            _ => Next::Retry(pause),
        }
    }
}

/// Failures in a row, and the pauses that follow them: for a loop that never
/// gives up.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    failures: u32,
    chance: SmallRng,
}

impl Backoff {
    /// Pauses from `first` to `longest`; the same seed gives the same ones.
    #[must_use]
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self {
            policy: RetryPolicy::new(u32::MAX, first, longest),
            failures: 0,
            chance: SmallRng::seed_from_u64(seed),
        }
    }

    /// Counts a failure; the pause before the next attempt.
    pub fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.policy.pause(self.failures, self.chance.random())
    }

    /// The series of failures is over.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    const POLICY: RetryPolicy = RetryPolicy::new(5, ms(100), ms(1_000));

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn after(attempt: u32, chance: f64) -> Next {
        POLICY.after_failure(attempt, Duration::ZERO, chance, None)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_then_it_is_given_up() {
        let pauses = |chance| [1, 2, 3, 4].map(|n| after(n, chance));
        assert_eq!(
            pauses(1.0),
            [100, 200, 400, 800].map(|n| Next::Retry(ms(n)))
        );
        assert_eq!(pauses(0.0), [50, 100, 200, 400].map(|n| Next::Retry(ms(n))));
        assert_eq!(after(5, 0.3), Next::Exhausted);
    }

    #[test]
    fn the_other_side_may_ask_for_more_time_but_not_for_ever() {
        let asked = |millis| POLICY.after_failure(1, Duration::ZERO, 0.0, Some(ms(millis)));
        assert_eq!(asked(700), Next::Retry(ms(700)));
        assert_eq!(asked(0), Next::Retry(ms(50)));
        assert_eq!(asked(1_000_000), Next::Retry(ms(1_000)));
    }

    #[test]
    fn nothing_is_tried_after_its_greatest_age() {
        let policy = RetryPolicy {
            max_age: Some(ms(300)),
            ..POLICY
        };
        let at = |age| policy.after_failure(1, ms(age), 1.0, None);
        assert_eq!((at(200), at(201)), (Next::Retry(ms(100)), Next::Expired));
    }

    #[test]
    fn a_backoff_begins_anew_after_a_success_and_comes_again_with_its_seed() {
        let series = |seed| {
            let mut backoff = Backoff::new(ms(100), ms(1_000), seed);
            let pauses: Vec<_> = (0..9).map(|_| backoff.failed()).collect();
            assert_eq!(backoff.failures(), 9);
            backoff.succeeded();
            assert!(backoff.failed() <= ms(100));
            pauses
        };
        assert_eq!(series(7), series(7));
        assert_ne!(series(7), series(8));
    }

    proptest! {
        #[test]
        fn a_pause_lies_between_its_jitters_bounds_and_its_cap_never_falls(
            first in 1_u64..1_000_000,
            times in 1_u64..1_000_000,
            failure in 1_u32..=u32::MAX,
            jitter in 0.0..=1.0_f64,
            chance in 0.0..=1.0_f64,
        ) {
            let longest = ms(first.saturating_mul(times));
            let policy = RetryPolicy { jitter, ..RetryPolicy::new(u32::MAX, ms(first), longest) };
            let cap = policy.pause(failure, 1.0);
            let pause = policy.pause(failure, chance);
            prop_assert!(cap <= longest && cap >= ms(first).min(longest));
            prop_assert!(cap >= policy.pause(failure.saturating_sub(1).max(1), 1.0));
            prop_assert!(pause <= cap);
            // For the rounding; the cap may be some thirty years.
            prop_assert!(pause + Duration::from_micros(1) >= cap.mul_f64(1.0 - jitter));
        }
    }
}
