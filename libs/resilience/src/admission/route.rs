//! What is known of one route.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use shoal_context::Class;

/// Bits of the sum in the word that holds sum and count: 2^44 ticks are 26
/// days, and a count of a million cannot come together within one window.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;
/// Nanoseconds of a tick, as a power of two.
const TICK_BITS: u32 = 7;
/// A request counts for at most so many times the usual, so that a single one
/// that hung for a minute says no more than ten slow ones.
const CLIP: u64 = 10;
/// Two minutes in ticks: sixteen thousand such requests fit into a window.
const LONGEST: u64 = 1 << 30;

/// Requests before the quartile is believed.
const SETTLED: u32 = 20;
/// Step of the quartile, as a share of itself.
const STEP: f64 = 0.04;
const QUANTILE: f64 = 0.25;

/// Requests of one kind: how many ended in the present window, and how long
/// they took. Latencies differ a hundredfold by route, so each is compared with
/// its own usual one.
#[derive(Debug, Default)]
pub struct Route {
    class: Class,
    /// Count and sum of the window in one word: one addition per request.
    window: AtomicU64,
    /// Usual latency in ticks; 0: not known yet.
    usual: AtomicU64,
    /// Latency in nanoseconds that a quarter of the requests stay below, as
    /// bits of a float.
    quartile: AtomicU64,
    seen: AtomicU32,
    /// When one was last let in that seemed to have too little time, ns.
    tried_at: AtomicU64,
}

/// Count and mean of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) count: u32,
    /// In ticks.
    pub(crate) sum: f64,
}

impl Route {
    pub(crate) fn new(class: Class) -> Self {
        Self {
            class,
            ..Self::default()
        }
    }

    /// How urgent its requests are at most.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Counts a request that ended after `took`.
    #[inline]
    pub(crate) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.move_quartile(nanos as f64);
        self.add(nanos >> TICK_BITS);
    }

    /// Counts a request that ran out of time. One that had less than is usual
    /// says nothing.
    pub(crate) fn timed_out(&self, after: Duration) {
        let ticks = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX) >> TICK_BITS;
        let usual = self.usual.load(Ordering::Relaxed);
        if ticks > usual {
            self.add(ticks.max(usual.saturating_mul(CLIP)));
        }
    }

    /// Whether a request with so little time left will hardly end within it:
    /// three in four would not. Lets one in each second, as otherwise nothing
    /// would be learned when requests become fast again.
    pub(crate) fn is_doomed(&self, left: Duration, now: Duration) -> bool {
        if self.seen.load(Ordering::Relaxed) < SETTLED {
            return false;
        }
        let quartile = f64::from_bits(self.quartile.load(Ordering::Relaxed));
        if left.as_nanos() as f64 >= quartile {
            return false;
        }
        let now = now.as_nanos() as u64;
        let last = self.tried_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= 1_000_000_000;
        !(due && self.try_at(last, now))
    }

    /// What a quarter of the requests stay below; none while few were seen.
    pub(crate) fn quartile(&self) -> Option<Duration> {
        let nanos = f64::from_bits(self.quartile.load(Ordering::Relaxed));
        (self.seen.load(Ordering::Relaxed) >= SETTLED).then(|| Duration::from_nanos(nanos as u64))
    }

    pub(crate) fn usual_ticks(&self) -> u64 {
        self.usual.load(Ordering::Relaxed)
    }

    /// Empties the window.
    pub(crate) fn take(&self) -> Sample {
        let word = match self.window.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.window.swap(0, Ordering::Relaxed),
        };
        Sample {
            count: (word >> SUM_BITS) as u32,
            sum: (word & SUM_MASK) as f64,
        }
    }

    /// Sets the usual latency, in ticks.
    pub(crate) fn set_usual(&self, ticks: f64) {
        self.usual.store(ticks.max(1.0) as u64, Ordering::Relaxed);
    }

    #[inline]
    fn add(&self, ticks: u64) {
        let usual = self.usual.load(Ordering::Relaxed);
        let most = match usual {
            0 => LONGEST,
            usual => usual.saturating_mul(CLIP).min(LONGEST),
        };
        let word = (1 << SUM_BITS) | ticks.min(most);
        self.window.fetch_add(word, Ordering::Relaxed);
    }

    /// Follows the quartile by small steps (stochastic descent on the pinball
    /// loss, as in Ma, Muthukrishnan and Sandler, "Frugal streaming", 2013). Two
    /// at once may lose a step, which is harmless.
    #[inline]
    fn move_quartile(&self, nanos: f64) {
        let seen = self.seen.load(Ordering::Relaxed);
        let old = f64::from_bits(self.quartile.load(Ordering::Relaxed));
        let new = match (seen, nanos > old) {
            (0, _) => nanos,
            (_, true) => old * (1.0 + STEP * QUANTILE),
            (_, false) => old * (1.0 - STEP * (1.0 - QUANTILE)),
        };
        self.quartile.store(new.to_bits(), Ordering::Relaxed);
        if seen < SETTLED {
            self.seen.store(seen + 1, Ordering::Relaxed);
        }
    }

    fn try_at(&self, last: u64, now: u64) -> bool {
        self.tried_at
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// Ticks as time.
pub(crate) fn of_ticks(ticks: f64) -> Duration {
    Duration::from_nanos((ticks as u64) << TICK_BITS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn what_hung_counts_as_ten_usual_ones() {
        let route = Route::default();
        route.record(MS(1));
        let usual = route.take();
        route.set_usual(usual.sum);
        route.record(Duration::from_secs(60));
        route.timed_out(MS(5));
        let both = route.take();
        assert_eq!(both.count, 2);
        assert!((both.sum / usual.sum - 20.0).abs() < 0.1, "{both:?}");
    }

    #[test]
    fn a_caller_who_gave_too_little_time_blames_nobody() {
        let route = Route::default();
        route.set_usual(1_000_000.0);
        route.timed_out(MS(5));
        assert_eq!(route.take().count, 0);
    }

    #[test]
    fn hopeless_work_is_refused_but_for_one_try_each_second() {
        let route = Route::default();
        let at = Duration::from_secs;
        assert!(!route.is_doomed(MS(1), at(1)), "nothing is known yet");
        (0..100).for_each(|n| route.record(MS(80 + n % 40)));
        assert!(!route.is_doomed(MS(100), at(2)));
        assert!(!route.is_doomed(MS(20), at(2)), "the try");
        assert!(route.is_doomed(MS(20), at(2)));
        assert!(!route.is_doomed(MS(20), at(3)));
    }

    proptest! {
        #[test]
        fn the_quartile_is_found_whatever_the_spread(scale in 10_u64..100_000, seed in any::<u64>()) {
            let route = Route::default();
            let mut random = seed | 1;
            for _ in 0..5_000 {
                // Even from one to nine times the scale.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let micros = scale + (random >> 33) % (8 * scale);
                route.record(Duration::from_micros(micros));
            }
            let found = route.quartile().unwrap().as_micros() as f64 / scale as f64;
            prop_assert!((1.8..4.5).contains(&found), "{found} instead of 3");
        }

        #[test]
        fn a_window_holds_what_was_put_into_it(micros in prop::collection::vec(1_u64..1_000_000, 1..200)) {
            let route = Route::default();
            micros.iter().for_each(|&one| route.record(Duration::from_micros(one)));
            let sample = route.take();
            let sum = of_ticks(sample.sum).as_micros() as u64;
            let exact: u64 = micros.iter().sum();
            prop_assert_eq!(sample.count as usize, micros.len());
            prop_assert!(sum <= exact && exact - sum <= micros.len() as u64);
            prop_assert_eq!(route.take().count, 0);
        }
    }
}
