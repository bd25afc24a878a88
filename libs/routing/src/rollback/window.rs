//! Outcomes of the last seconds, per side.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Buckets per window: what leaves does so a twelfth at a time.
const BUCKETS: u32 = 12;
/// Latencies are kept in steps of 100 µs up to a minute, to two digits: about
/// 7 KiB per side and bucket, and only while requests come.
const STEP: Duration = Duration::from_micros(100);
const LONGEST: u64 = 600_000;
const DIGITS: u8 = 2;

/// Which side a request is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Coloured by the rule.
    Gray,
    /// Looked at by the rule and left plain.
    Stable,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Whether it failed by the service's fault.
    pub failed: bool,
    /// Time to the head of its answer.
    pub took: Duration,
}

/// Sum of one side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) requests: u64,
    pub(super) failed: u64,
    /// Of those that did not fail: failures are fast or slow for reasons of
    /// their own. In units of [`STEP`].
    latencies: Histogram<u32>,
}

impl Default for Side {
    #[expect(clippy::expect_used, reason = "the bounds are constants that fit")]
    fn default() -> Self {
        Self {
            requests: 0,
            failed: 0,
            latencies: Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("valid bounds"),
        }
    }
}

impl Side {
    fn record(&mut self, sample: Sample) {
        self.requests += 1;
        if sample.failed {
            self.failed += 1;
        } else {
            self.latencies.saturating_record(steps(sample.took));
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        // Fails only for histograms of other bounds.
        let _ = self.latencies.add(&other.latencies);
    }

    /// Requests whose latency is known.
    pub(super) fn answered(&self) -> u64 {
        self.latencies.len()
    }

    /// Latency that the share `quantile` of the requests stays within.
    pub(super) fn quantile(&self, quantile: f64) -> Duration {
        let steps = self.latencies.value_at_quantile(quantile);
        STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// Requests that took longer than `limit`.
    pub(super) fn slower_than(&self, limit: Duration) -> u64 {
        let within = self.latencies.count_between(0, steps(limit));
        self.answered().saturating_sub(within)
    }
}

fn steps(took: Duration) -> u64 {
    let steps = took.as_micros() / STEP.as_micros();
    u64::try_from(steps).unwrap_or(LONGEST).clamp(1, LONGEST)
}

/// Both sides over the last `length`.
#[derive(Clone, Debug)]
pub(super) struct Window {
    bucket: Duration,
    /// Number of the bucket since the clock's start, gray and stable; ascending.
    buckets: VecDeque<(u64, [Side; 2])>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            bucket: (length / BUCKETS).max(Duration::from_millis(1)),
            buckets: VecDeque::new(),
        }
    }

    pub(super) fn record(&mut self, now: Duration, group: Group, sample: Sample) {
        let number = self.number(now);
        self.forget(number);
        // A clock that two threads read may seem to go back between them.
        let newest = self.buckets.back().map(|(newest, _)| *newest);
        if newest.is_none_or(|newest| newest < number) {
            self.buckets.push_back((number, Default::default()));
        }
        if let Some((_, sides)) = self.buckets.back_mut() {
            sides[group as usize].record(sample);
        }
    }

    /// Gray and stable, summed.
    pub(super) fn sums(&mut self, now: Duration) -> [Side; 2] {
        self.forget(self.number(now));
        let mut sums = <[Side; 2]>::default();
        for (_, sides) in &self.buckets {
            for (sum, side) in sums.iter_mut().zip(sides) {
                sum.add(side);
            }
        }
        sums
    }

    pub(super) fn clear(&mut self) {
        self.buckets.clear();
    }

    fn number(&self, now: Duration) -> u64 {
        u64::try_from(now.as_nanos() / self.bucket.as_nanos()).unwrap_or(u64::MAX)
    }

    fn forget(&mut self, number: u64) {
        while let Some((oldest, _)) = self.buckets.front()
            && number.saturating_sub(*oldest) >= u64::from(BUCKETS)
        {
            self.buckets.pop_front();
        }
    }
}
