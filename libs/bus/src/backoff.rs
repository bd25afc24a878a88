//! Pauses that grow, with some chance in them.

use std::time::Duration;

use rand::RngExt as _;

/// The pause after failed attempt number `attempt` (from 1): `first` doubled
/// each time up to `max`, of which the upper half is left to chance so that
/// those who failed together do not come back together.
pub(crate) fn pause(attempt: u32, first: Duration, max: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let full = first.saturating_mul(factor).min(max);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for (attempt, full) in [(1, 100), (2, 200), (3, 400), (6, 2_000), (60, 2_000)] {
            let full = Duration::from_millis(full);
            for _ in 0..100 {
                let pause = pause(attempt, first, max);
                assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
            }
        }
    }
}
