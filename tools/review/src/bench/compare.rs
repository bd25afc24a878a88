//! Head against base: how much a figure changed, and what to call it.

use schemars::JsonSchema;
use serde::Serialize;

use super::protocol::Better;
use super::stats::{Interval, signed_rank};

/// How often a measurement is looked at before it ends at the latest. Each look
/// has a third of the error that is allowed in all, so that stopping early
/// does not make chance findings likelier.
pub const LOOKS: usize = 3;

/// The confidence of one look: 95 % over all of them.
pub const CONFIDENCE: f64 = 1.0 - 0.05 / LOOKS as f64;

/// Ratios nearer to one than this are noise whatever the interval says: where
/// the linker puts a function alone makes such a difference.
pub const NEGLIGIBLE: f64 = 0.01;

/// What happened to a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Better than base, beyond noise.
    Faster,
    /// Worse than base, beyond noise.
    Slower,
    /// No change that could be told from noise.
    WithinNoise,
    /// Base does not have this figure: there is nothing to compare with.
    New,
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::WithinNoise => "within noise",
            Self::New => "new",
        }
    }
}

/// The ratio head/base with its interval. Samples are pairs: the n-th of both
/// sides were taken side by side, so that what the machine did to one it did
/// to the other.
///
/// `None` for fewer pairs than the confidence needs.
pub fn ratio(base: &[f64], head: &[f64]) -> Option<Interval> {
    let logs: Vec<f64> = base
        .iter()
        .zip(head)
        .map(|(base, head)| (head / base).ln())
        .collect();
    Some(signed_rank(&logs, CONFIDENCE)?.map(f64::exp))
}

/// What to call a ratio head/base.
pub fn verdict(ratio: Interval, better: Better) -> Verdict {
    let negligible = (ratio.estimate - 1.0).abs() < NEGLIGIBLE;
    if negligible || (ratio.low <= 1.0 && 1.0 <= ratio.high) {
        Verdict::WithinNoise
    } else if (ratio.estimate > 1.0) == (better == Better::Higher) {
        Verdict::Faster
    } else {
        Verdict::Slower
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_doubled_time_is_slower_and_a_doubled_rate_is_faster() {
        let base = [1.0, 1.3, 0.9, 1.1, 1.0, 1.2, 0.8, 1.05];
        let head: Vec<f64> = base.iter().map(|value| value * 2.0).collect();
        let found = ratio(&base, &head).unwrap();
        assert!((found.estimate - 2.0).abs() < 1e-9);
        assert_eq!(verdict(found, Better::Lower), Verdict::Slower);
        assert_eq!(verdict(found, Better::Higher), Verdict::Faster);
    }

    #[test]
    fn a_machine_that_slows_down_under_both_sides_is_no_regression() {
        let base: Vec<f64> = (0..8).map(|round| 10.0 + f64::from(round)).collect();
        let head: Vec<f64> = (0..8)
            .map(|round| 10.0 + f64::from(round) + if round % 2 == 0 { 0.3 } else { -0.3 })
            .collect();
        let found = ratio(&base, &head).unwrap();
        assert_eq!(verdict(found, Better::Lower), Verdict::WithinNoise);
    }

    #[test]
    fn a_difference_that_nobody_feels_is_noise_however_certain() {
        let base = [100.0; 12];
        let head = [100.5; 12];
        let found = ratio(&base, &head).unwrap();
        assert_eq!(verdict(found, Better::Lower), Verdict::WithinNoise);
    }

    proptest! {
        #[test]
        fn swapping_the_sides_swaps_the_verdict(
            base in prop::collection::vec(1.0..100.0_f64, 8),
            head in prop::collection::vec(1.0..100.0_f64, 8),
        ) {
            let there = ratio(&base, &head).unwrap();
            let back = ratio(&head, &base).unwrap();
            prop_assert!((there.estimate * back.estimate - 1.0).abs() < 1e-9);
            prop_assert!((there.low * back.high - 1.0).abs() < 1e-9);
            let significant = |interval: Interval| interval.low > 1.0 || interval.high < 1.0;
            prop_assert_eq!(significant(there), significant(back));
        }
    }
}
