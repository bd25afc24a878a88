//! How long to wait before a retry: exponential, capped, jittered by a seed.

use std::time::Duration;

/// When failed attempts are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt.
    pub retries: u32,
    /// Pause before the first retry; each further one is twice as long.
    pub base: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 3,
            base: Duration::from_millis(100),
            max: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// Pause before the retry with this number, from 1. Jitter lengthens the
    /// doubling pause by up to a half, so that sagas that failed together do not
    /// come back together; the same seed gives the same pause.
    pub fn pause(&self, retry: u32, seed: u64) -> Duration {
        let doubled = self.base.saturating_mul(
            1_u32
                .checked_shl(retry.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        // 1,024 grades of jitter are enough, and keep the sum in integers.
        let grade = u32::try_from(mix(seed.wrapping_add(u64::from(retry))) % 1024).unwrap_or(0);
        doubled
            .saturating_add(doubled / 2 * grade / 1024)
            .min(self.max)
    }
}

/// A seed for one action of one saga.
pub(crate) fn seed_of(seed: u64, saga_id: &str, step: usize) -> u64 {
    let start = mix(seed ^ u64::try_from(step).unwrap_or(0));
    saga_id
        .bytes()
        .fold(start, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// SplitMix64: small, well spread, and the same on every machine.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_stay_between_100_ms_and_2_s_and_at_least_double(seed: u64, retry in 1u32..64) {
            let policy = RetryPolicy::default();
            let pause = policy.pause(retry, seed);
            let least = policy.base.saturating_mul(1u32 << (retry - 1).min(20)).min(policy.max);
            prop_assert!(pause >= least && pause <= policy.max);
            prop_assert_eq!(pause, policy.pause(retry, seed));
        }
    }

    #[test]
    fn sagas_that_fail_together_do_not_retry_together() {
        let policy = RetryPolicy::default();
        let pauses: std::collections::HashSet<_> = (0..100)
            .map(|i| policy.pause(1, seed_of(7, &format!("sga_{i}"), 0)))
            .collect();
        assert!(pauses.len() > 50, "{} distinct pauses", pauses.len());
    }
}
