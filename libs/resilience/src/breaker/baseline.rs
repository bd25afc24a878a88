//! What is usual for a dependency.

use super::window::Calls;

/// How fast the usual share of bad calls follows what leaves the window: a rise
/// is judged before it is learned, and one that stays just under the threshold
/// is learned in time.
const FOLLOWS_S: f64 = 90.0;
/// How fast the memory behind it follows.
const REMEMBERS_S: f64 = 1_800.0;
/// How far the one may leave the other: what worsens slowly must not become
/// usual step by step.
const LEASH: f64 = 1.5;
/// An estimate counts as much as this many calls against new ones, so that few
/// calls do not move it far.
const PRIOR_CALLS: f64 = 20.0;
/// How fast the usual latency follows.
const LATENCY_FOLLOWS_S: f64 = 300.0;
/// Fewer calls tell no P95.
const LATENCY_CALLS: u64 = 100;
/// How fast the scatter follows.
const SCATTER_FOLLOWS_S: f64 = 60.0;
const MOST_SCATTER: f64 = 25.0;

/// Calls whose weight fades with time.
#[derive(Clone, Copy, Debug, Default)]
struct Fading {
    all: f64,
    bad: f64,
}

impl Fading {
    fn add(&mut self, all: f64, bad: f64, seconds: f64, follows: f64) {
        let keep = (-seconds / follows).exp();
        self.all = self.all * keep + all;
        self.bad = self.bad * keep + bad;
    }

    fn rate(self, prior: f64) -> f64 {
        (self.bad + prior * PRIOR_CALLS) / (self.all + PRIOR_CALLS)
    }
}

/// The learned share of bad calls, scatter and latency.
#[derive(Clone, Debug)]
pub(crate) struct Baseline {
    assumed: f64,
    recent: Fading,
    long: Fading,
    scatter: f64,
    /// Logarithms of microseconds: latencies vary by factors.
    p95: Option<(f64, f64)>,
}

impl Baseline {
    pub(crate) fn new(assumed: f64) -> Self {
        Self {
            assumed,
            recent: Fading::default(),
            long: Fading::default(),
            scatter: 1.0,
            p95: None,
        }
    }

    /// The usual share of bad calls.
    pub(crate) fn rate(&self) -> f64 {
        let long = self.long.rate(self.assumed);
        self.recent.rate(long).clamp(long / LEASH, long * LEASH)
    }

    /// How many calls stand behind that.
    pub(crate) fn calls(&self) -> f64 {
        self.long.all + PRIOR_CALLS
    }

    /// Variance of the calls over that of independent ones; at least 1.
    pub(crate) fn scatter(&self) -> f64 {
        self.scatter
    }

    /// The usual P95 in microseconds, once known.
    pub(crate) fn p95(&self) -> Option<f64> {
        let (recent, long) = self.p95?;
        Some(recent.clamp(long - LEASH.ln(), long + LEASH.ln()).exp())
    }

    /// Learns the calls of some seconds. Their share of bad ones counts at most
    /// as `most` and what chance may add (three deviations), so that an outage
    /// does not become usual before it is seen.
    pub(crate) fn learn(&mut self, calls: Calls, most: f64, seconds: f64) {
        let all = calls.all as f64;
        let chance = 3.0 * (all * most * (1.0 - most).max(0.0) * self.scatter).sqrt();
        let bad = (calls.bad as f64).min(all * most + chance);
        self.recent.add(all, bad, seconds, FOLLOWS_S);
        self.long.add(all, bad, seconds, REMEMBERS_S);
    }

    /// Learns how far the calls of a second lie from `rate`, their mean.
    pub(crate) fn learn_scatter(&mut self, calls: Calls, rate: f64) {
        let all = calls.all as f64;
        let variance = all * rate * (1.0 - rate);
        if variance < 1.0 {
            return;
        }
        let off = calls.bad as f64 - all * rate;
        // One second alone may at most treble the deviation that is known.
        let seen = (off * off / variance).min(9.0 * self.scatter);
        self.scatter += (seen - self.scatter) / SCATTER_FOLLOWS_S;
        self.scatter = self.scatter.clamp(1.0, MOST_SCATTER);
    }

    /// Learns the P95 of the window, seen `seconds` after the last.
    pub(crate) fn learn_p95(&mut self, micros: u64, calls: u64, seconds: f64) {
        if calls < LATENCY_CALLS {
            return;
        }
        let seen = (micros.max(1) as f64).ln();
        let Some((recent, long)) = &mut self.p95 else {
            self.p95 = Some((seen, seen));
            return;
        };
        let seen = seen.min(*recent + LEASH.ln());
        *recent += (seen - *recent) * (1.0 - (-seconds / LATENCY_FOLLOWS_S).exp());
        *long += (*recent - *long) * (1.0 - (-seconds / REMEMBERS_S).exp());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(rate: f64, per_second: u64, seconds: u64) -> Baseline {
        let mut baseline = Baseline::new(0.25);
        feed(&mut baseline, rate, per_second, seconds);
        baseline
    }

    fn feed(baseline: &mut Baseline, rate: f64, per_second: u64, seconds: u64) {
        for _ in 0..seconds {
            let bad = (per_second as f64 * rate).round() as u64;
            let calls = Calls {
                all: per_second,
                bad,
            };
            baseline.learn(calls, 1.0, 1.0);
        }
    }

    #[test]
    fn it_starts_with_the_assumption_and_learns_the_truth() {
        assert!((Baseline::new(0.25).rate() - 0.25).abs() < 1e-9);
        let learned = fed(0.08, 100, 60).rate();
        assert!((learned - 0.08).abs() < 0.003, "{learned}");
    }

    #[test]
    fn a_slow_rise_stays_on_the_leash_of_the_memory() {
        let mut baseline = fed(0.04, 500, 3_600);
        for step in 0..600 {
            feed(&mut baseline, 0.04 + f64::from(step) * 0.0005, 500, 1);
        }
        // The last share was 34 %; the memory holds about 9 %.
        assert!(baseline.rate() < 0.15, "{}", baseline.rate());
    }

    #[test]
    fn independent_calls_scatter_by_one_and_bursts_by_more() {
        let mut calm = Baseline::new(0.1);
        let mut rough = Baseline::new(0.1);
        for second in 0..600_u64 {
            let calls = |bad| Calls { all: 500, bad };
            // One deviation of a binomial of 500 at a tenth is 6.7.
            calm.learn_scatter(calls(if second % 2 == 0 { 43 } else { 57 }), 0.1);
            rough.learn_scatter(calls(if second % 2 == 0 { 20 } else { 80 }), 0.1);
        }
        assert!(calm.scatter() < 1.3, "{}", calm.scatter());
        assert!(rough.scatter() > 10.0, "{}", rough.scatter());
    }

    #[test]
    fn the_usual_latency_follows_slowly_and_needs_enough_calls() {
        let mut baseline = Baseline::new(0.1);
        baseline.learn_p95(10_000, 99, 5.0);
        assert!(baseline.p95().is_none());
        baseline.learn_p95(10_000, 1_000, 5.0);
        baseline.learn_p95(1_000_000, 1_000, 5.0);
        assert!(baseline.p95().is_some_and(|p95| p95 < 10_200.0));
    }
}
