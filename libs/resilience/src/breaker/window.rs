//! The last 60 seconds of calls.

use std::ops::Range;

use crate::sketch::Sketch;

/// Length of a bucket.
pub(crate) const BUCKET_MS: u64 = 250;
/// Buckets of the window: 60 s.
pub(crate) const BUCKETS: usize = 240;
/// Latencies lie in coarser slices, which keeps a breaker at 12 KiB.
const SLICES: usize = 12;
const SLICE_BUCKETS: u64 = (BUCKETS / SLICES) as u64;

/// What was counted since it was asked last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Calls that failed.
    pub(crate) failed: u64,
    /// Calls that succeeded and whose latency says nothing.
    pub(crate) answered: u64,
    /// Latencies of the others that succeeded.
    pub(crate) latencies: Sketch,
}

impl Observed {
    pub(crate) fn calls(&self) -> u64 {
        self.failed + self.answered + self.latencies.count()
    }

    pub(crate) fn clear(&mut self) {
        self.failed = 0;
        self.answered = 0;
        self.latencies.clear();
    }
}

/// Calls of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) all: u64,
    pub(crate) bad: u64,
}

impl Calls {
    pub(crate) fn rate(self) -> f64 {
        if self.all == 0 {
            0.0
        } else {
            self.bad as f64 / self.all as f64
        }
    }

    /// These but for some of them.
    pub(crate) fn without(self, some: Self) -> Self {
        Self {
            all: self.all - some.all,
            bad: self.bad - some.bad,
        }
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.bad += other.bad;
    }
}

/// A ring of buckets; time moves it on, and what is older falls out.
#[derive(Debug)]
pub(crate) struct Window {
    buckets: [Calls; BUCKETS],
    latencies: Vec<Sketch>,
    /// Number of the newest bucket, see [`number`].
    newest: u64,
    /// Calls that fell out since they were asked for.
    expired: Calls,
}

impl Window {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            buckets: [Calls::default(); BUCKETS],
            latencies: vec![Sketch::default(); SLICES],
            newest: number(now_ms),
            expired: Calls::default(),
        }
    }

    /// Moves on to `now_ms`; true when that begins a bucket.
    pub(crate) fn advance(&mut self, now_ms: u64) -> bool {
        let now = number(now_ms);
        if now <= self.newest {
            return false;
        }
        let steps = (now - self.newest).min(BUCKETS as u64);
        for bucket in now + 1 - steps..=now {
            let expired = std::mem::take(&mut self.buckets[place(bucket)]);
            self.expired.add(expired);
            if bucket % SLICE_BUCKETS == 0 {
                self.latencies[slice(bucket)].clear();
            }
        }
        if now - self.newest > BUCKETS as u64 {
            self.latencies.iter_mut().for_each(Sketch::clear);
        }
        self.newest = now;
        true
    }

    pub(crate) fn add(&mut self, calls: Calls, latencies: &Sketch) {
        self.buckets[place(self.newest)].add(calls);
        self.latencies[slice(self.newest)].merge(latencies);
    }

    /// The calls of the newest `buckets` buckets.
    pub(crate) fn last(&self, buckets: usize) -> Calls {
        self.sum(0..buckets.min(BUCKETS) as u64)
    }

    /// The calls of `count` whole buckets that end before the newest.
    pub(crate) fn before_newest(&self, count: u64) -> Calls {
        self.sum(1..count + 1)
    }

    /// The calls of the buckets that lie so far back.
    fn sum(&self, back: Range<u64>) -> Calls {
        let mut sum = Calls::default();
        for back in back {
            sum.add(self.buckets[place(self.newest - back)]);
        }
        sum
    }

    /// The calls that fell out since the last time.
    pub(crate) fn take_expired(&mut self) -> Calls {
        std::mem::take(&mut self.expired)
    }

    pub(crate) fn latencies(&self) -> Sketch {
        let mut sum = Sketch::default();
        self.latencies.iter().for_each(|slice| sum.merge(slice));
        sum
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// When the newest bucket ends.
    pub(crate) fn ends_ms(&self) -> u64 {
        (self.newest + 1 - BUCKETS as u64) * BUCKET_MS
    }

    pub(crate) fn clear(&mut self) {
        self.buckets = [Calls::default(); BUCKETS];
        self.expired = Calls::default();
        self.latencies.iter_mut().for_each(Sketch::clear);
    }
}

/// The number of the bucket at a time; never so small that the buckets of a
/// whole window before it had none.
fn number(now_ms: u64) -> u64 {
    now_ms / BUCKET_MS + BUCKETS as u64
}

fn place(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

fn slice(bucket: u64) -> usize {
    (bucket / SLICE_BUCKETS % SLICES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(all: u64, bad: u64) -> Calls {
        Calls { all, bad }
    }

    #[test]
    fn calls_fall_out_after_a_minute_and_not_before() {
        let mut window = Window::new(0);
        window.add(calls(10, 3), &Sketch::default());
        window.advance(60_000 - 1);
        assert_eq!(window.last(BUCKETS), calls(10, 3));
        window.advance(60_000);
        assert_eq!(window.last(BUCKETS), Calls::default());
        assert_eq!(window.take_expired(), calls(10, 3));
        assert_eq!(window.take_expired(), Calls::default());
    }

    #[test]
    fn a_long_silence_empties_it() {
        let mut window = Window::new(1_000);
        let mut latencies = Sketch::default();
        latencies.record(5);
        window.add(calls(10, 3), &latencies);
        window.advance(10_000_000);
        assert_eq!(window.last(BUCKETS), Calls::default());
        assert_eq!(window.latencies().count(), 0);
    }

    #[test]
    fn shorter_looks_see_the_newest_alone() {
        let mut window = Window::new(0);
        window.add(calls(100, 0), &Sketch::default());
        assert!(window.advance(BUCKET_MS));
        assert!(!window.advance(BUCKET_MS + 1));
        window.add(calls(7, 7), &Sketch::default());
        assert_eq!(window.last(1), calls(7, 7));
        assert_eq!(window.last(2), calls(107, 7));
        assert_eq!(window.before_newest(1), calls(100, 0));
    }
}
