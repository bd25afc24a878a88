//! Pauses between attempts: exponential, with full jitter over their upper
//! half, so that the clients of a cluster that comes back do not come at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    /// State of a SplitMix64 generator (Steele, Lea, Flood: "Fast splittable
    /// pseudorandom number generators", 2014).
    draws: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            draws: seed,
        }
    }

    /// Counts a failure; the pause before the next attempt.
    pub(crate) fn failed(&mut self) -> Duration {
        let whole = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(0.5 + self.draw() / 2.0)
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Between 0 and 1.
    fn draw(&mut self) -> f64 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.draws;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
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
