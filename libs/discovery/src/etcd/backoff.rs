//! Pauses between attempts: exponential, with full jitter over their upper
//! half, so that the clients of a cluster that comes back do not come at once.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random: SmallRng,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Counts a failure; the pause before the next attempt.
    pub(crate) fn failed(&mut self) -> Duration {
        let whole = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(self.random.random_range(0.5..=1.0))
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_differ_between_clients() {
        let pauses = |seed| -> Vec<_> {
            let mut backoff = Backoff::new(seed);
            (0..9).map(|_| backoff.failed()).collect()
        };
        for (at, pause) in pauses(7).into_iter().enumerate() {
            let whole = FIRST.saturating_mul(1 << at).min(LONGEST);
            assert!(whole / 2 <= pause && pause <= whole, "{at}: {pause:?}");
        }
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    }
}
