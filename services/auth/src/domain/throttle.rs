//! How often one may try a password, as a pure function of counters and time.
//!
//! An attempt is *charged before* the password is hashed and *refunded* when it
//! was right. Counting failures afterwards would let a burst of parallel guesses
//! pass while none of them has failed yet.
//!
//! Rejected: a fixed lock after n failures (either too short for a guesser or too
//! long for its victim), and CAPTCHAs (no program could log in). The counter of
//! an account grows for unknown accounts too, so it tells nothing about them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits for one kind of subject (an account, or an address).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Failed attempts without a lock.
    pub free_attempts: u32,
    /// First lock, in seconds; each further failure doubles it.
    pub first_lock_seconds: u32,
    /// Longest lock, in seconds.
    pub longest_lock_seconds: u32,
    /// Seconds without an attempt after which failures are forgotten.
    pub forget_after_seconds: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self::ACCOUNT
    }
}

impl Policy {
    /// Default for one account: ten tries, then 30 s, 1 min, 2 min … 15 min. No
    /// longer, because anyone can lock anyone out.
    pub const ACCOUNT: Self = Self {
        free_attempts: 10,
        first_lock_seconds: 30,
        longest_lock_seconds: 15 * 60,
        forget_after_seconds: 24 * 60 * 60,
    };

    /// Default for one address, behind which an office may sit.
    pub const ADDRESS: Self = Self {
        free_attempts: 100,
        first_lock_seconds: 30,
        longest_lock_seconds: 60 * 60,
        forget_after_seconds: 60 * 60,
    };

    /// Milliseconds after which an idle counter means nothing.
    #[must_use]
    pub fn forget_after_ms(&self) -> i64 {
        i64::from(self.forget_after_seconds) * 1000
    }

    fn lock_ms(&self, failures: u32) -> i64 {
        if failures < self.free_attempts {
            return 0;
        }
        let doublings = (failures - self.free_attempts).min(32);
        let lock = u64::from(self.first_lock_seconds) << doublings;
        i64::try_from(lock.min(u64::from(self.longest_lock_seconds))).unwrap_or(i64::MAX) * 1000
    }
}

/// Attempts of one subject that failed or are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Charged attempts.
    pub failures: u32,
    /// No attempt before this time, Unix milliseconds.
    pub locked_until_ms: i64,
    /// Time of the last charge, Unix milliseconds.
    pub updated_at_ms: i64,
}

/// Answer to a wish to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Go on; keep this counter.
    Allowed(Counter),
    /// Not before this much time has passed; the counter stays.
    Locked(Duration),
}

/// Charges one attempt at `now_ms`.
#[must_use]
pub fn charge(counter: Counter, policy: &Policy, now_ms: i64) -> Charge {
    if now_ms < counter.locked_until_ms {
        let left = counter
            .locked_until_ms
            .saturating_sub(now_ms)
            .unsigned_abs();
        return Charge::Locked(Duration::from_millis(left));
    }
    let idle = now_ms.saturating_sub(counter.updated_at_ms);
    let before = if idle >= policy.forget_after_ms() {
        0
    } else {
        counter.failures
    };
    let failures = before.saturating_add(1);
    Charge::Allowed(Counter {
        failures,
        locked_until_ms: now_ms.saturating_add(policy.lock_ms(failures)),
        updated_at_ms: now_ms,
    })
}

/// Takes one charge back: the attempt was right, or never came to a verdict. A
/// lock that only this charge brought goes with it.
#[must_use]
pub fn refund(counter: Counter, policy: &Policy) -> Counter {
    let failures = counter.failures.saturating_sub(1);
    let lock_ms = policy.lock_ms(failures);
    let locked_until_ms = if lock_ms == 0 {
        0
    } else {
        counter
            .updated_at_ms
            .saturating_add(lock_ms)
            .min(counter.locked_until_ms)
    };
    Counter {
        failures,
        locked_until_ms,
        ..counter
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        free_attempts: 3,
        first_lock_seconds: 10,
        longest_lock_seconds: 60,
        forget_after_seconds: 600,
    };

    fn allowed(counter: Counter, now_ms: i64) -> Counter {
        match charge(counter, &POLICY, now_ms) {
            Charge::Allowed(counter) => counter,
            Charge::Locked(left) => panic!("locked for {left:?}"),
        }
    }

    #[test]
    fn locks_double_up_to_the_longest() {
        let (mut counter, mut now) = (Counter::default(), 1_000_000);
        let mut locks = Vec::new();
        for _ in 0..8 {
            counter = allowed(counter, now);
            locks.push((counter.locked_until_ms - now) / 1000);
            now = now.max(counter.locked_until_ms);
        }
        assert_eq!(locks, [0, 0, 10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn a_locked_counter_says_how_long_and_does_not_grow() {
        let counter = Counter {
            failures: 3,
            locked_until_ms: 10_000,
            updated_at_ms: 0,
        };
        assert_eq!(
            charge(counter, &POLICY, 9_001),
            Charge::Locked(Duration::from_millis(999))
        );
        assert_eq!(allowed(counter, 10_000).failures, 4);
    }

    #[test]
    fn idle_time_forgets_failures() {
        let counter = Counter {
            failures: 9,
            locked_until_ms: 60_000,
            updated_at_ms: 0,
        };
        assert_eq!(allowed(counter, 599_999).failures, 10);
        assert_eq!(allowed(counter, 600_000).failures, 1);
    }

    #[test]
    fn a_refund_lifts_the_lock_that_the_charge_brought() {
        let counter = Counter {
            failures: 2,
            locked_until_ms: 0,
            updated_at_ms: 5,
        };
        let charged = allowed(counter, 1_000);
        assert_eq!(charged.locked_until_ms, 11_000);
        let refunded = refund(charged, &POLICY);
        assert_eq!((refunded.failures, refunded.locked_until_ms), (2, 0));
    }

    #[test]
    fn extreme_policies_do_not_overflow() {
        let policy = Policy {
            free_attempts: 0,
            first_lock_seconds: u32::MAX,
            longest_lock_seconds: u32::MAX,
            forget_after_seconds: u32::MAX,
        };
        let counter = Counter {
            failures: u32::MAX,
            locked_until_ms: 0,
            updated_at_ms: 0,
        };
        assert!(matches!(
            charge(counter, &policy, i64::MAX - 1),
            Charge::Allowed(_)
        ));
    }

    proptest! {
        #[test]
        fn attempts_within_the_longest_lock_are_bounded(gaps in prop::collection::vec(0_i64..3_000, 1..400)) {
            // Whatever the rhythm, a guesser gets the free tries, the doubling
            // locks, and then at most one try per longest lock.
            let (mut counter, mut now, start) = (Counter::default(), 1_000_000, 1_000_000);
            let mut tries = 0;
            for gap in gaps {
                now += gap;
                if let Charge::Allowed(next) = charge(counter, &POLICY, now) {
                    counter = next;
                    tries += 1;
                }
            }
            prop_assert!(tries <= 3 + 3 + (now - start) / 60_000 + 1, "{tries} tries in {} ms", now - start);
        }

        #[test]
        fn charge_then_refund_never_locks_longer_than_before(failures in 0_u32..12, updated in 0_i64..100_000, now in 100_000_i64..200_000) {
            let before = Counter { failures, locked_until_ms: 0, updated_at_ms: updated };
            if let Charge::Allowed(charged) = charge(before, &POLICY, now) {
                prop_assert!(refund(charged, &POLICY).failures <= failures);
                prop_assert!(refund(charged, &POLICY).locked_until_ms <= charged.locked_until_ms);
            }
        }
    }
}
