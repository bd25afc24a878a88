//! How sure one can be of a rate from a number of calls.

/// Evidence, in nats, that calls of which `bad` of `all` are bad come from a
/// rate above `threshold`: by Chernoff's bound (1952) the probability of so
/// many or more at the threshold is at most `exp(-evidence)`. Zero when the
/// share is not above the threshold. Holds for any number of calls, so few
/// calls need no rule of their own.
///
/// `behind` is how many calls the threshold was learned from: against few,
/// many prove little. `dispersion` is how much wider calls scatter than
/// independent ones would (variance over that of the binomial); evidence
/// counts for as much less.
pub(crate) fn against(threshold: f64, all: u64, bad: u64, behind: f64, dispersion: f64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    let rate = bad as f64 / all as f64;
    if rate <= threshold {
        return 0.0;
    }
    let threshold = threshold.clamp(1e-9, 1.0 - 1e-9);
    let of = |share: f64, expected: f64| {
        if share > 0.0 {
            share * (share / expected).ln()
        } else {
            0.0
        }
    };
    // The variance of a difference is the sum of both variances.
    let calls = all as f64 * behind / (all as f64 + behind);
    calls * (of(rate, threshold) + of(1.0 - rate, 1.0 - threshold)) / dispersion.max(1.0)
}

/// Judges trial calls by Wald's sequential probability ratio test (1945): is
/// the dependency as good as usual, or does it fail every other call? Decides
/// after as few calls as the two errors allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// Logarithm of the likelihood of "down" over that of "as usual".
    ratio: f64,
    good: f64,
    bad: f64,
}

/// One wrong verdict in twenty, either way.
const BOUND: f64 = 2.944;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    Well,
    Down,
}

impl Trial {
    /// A trial of a dependency of whose calls a share `usual` is bad.
    pub(crate) fn new(usual: f64) -> Self {
        let usual = usual.clamp(0.001, 0.4);
        let down = 0.5_f64.max(usual * 2.0).min(0.95);
        Self {
            ratio: 0.0,
            good: ((1.0 - down) / (1.0 - usual)).ln(),
            bad: (down / usual).ln(),
        }
    }

    pub(crate) fn saw(&mut self, bad: bool) -> Verdict {
        self.ratio += if bad { self.bad } else { self.good };
        if self.ratio <= -BOUND {
            Verdict::Well
        } else if self.ratio >= BOUND {
            Verdict::Down
        } else {
            Verdict::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: f64 = 1e6;

    #[test]
    fn a_handful_of_failures_in_a_row_is_evidence_and_one_is_not() {
        let needed = 6.0 * std::f64::consts::LN_10;
        assert!(against(0.1, 1, 1, MANY, 1.0) < needed);
        assert!(against(0.1, 7, 7, MANY, 1.0) >= needed);
        assert_eq!(against(0.1, 100, 10, MANY, 1.0), 0.0);
        assert_eq!(against(0.1, 0, 0, MANY, 1.0), 0.0);
    }

    #[test]
    fn the_same_share_weighs_more_with_more_calls_and_less_with_more_doubt() {
        let of = |all, bad, behind, scatter| against(0.1, all, bad, behind, scatter);
        assert!(of(1_000, 150, MANY, 1.0) > of(100, 15, MANY, 1.0));
        assert!(of(1_000, 150, MANY, 4.0) < of(1_000, 150, MANY, 1.0));
        assert!(of(1_000, 150, 100.0, 1.0) < of(1_000, 150, MANY, 1.0) / 5.0);
    }

    #[test]
    fn a_few_good_trials_are_enough_and_one_bad_one_spoils_nothing() {
        let mut trial = Trial::new(0.08);
        let verdicts: Vec<_> = (0..5).map(|_| trial.saw(false)).collect();
        assert_eq!(verdicts.last(), Some(&Verdict::Well));
        let mut trial = Trial::new(0.08);
        assert_eq!(trial.saw(true), Verdict::Undecided);
        assert_eq!(trial.saw(true), Verdict::Down);
    }
}
