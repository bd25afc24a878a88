//! What the load saw, second by second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With 2xx.
    Good,
    /// With a code, for a reason of the request's own (4xx but 429).
    Refused(String),
    /// With a code, because the platform could not (5xx, 429).
    Failed(String),
    /// With anything else: no answer, an answer without a known code.
    Wild(String),
}

/// One second of the run; a request belongs to the second in which it was to
/// start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    pub(crate) good: u32,
    pub(crate) refused: u32,
    pub(crate) failed: u32,
    /// Errors by code; `wild` for those that have none.
    pub(crate) codes: BTreeMap<String, u32>,
    /// Of all answers.
    pub(crate) latency: Latencies,
}

/// How long requests took: one microsecond to one minute, with two digits;
/// three would take 200 kB for each second.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

/// Takes down what happens. Cheap enough for some thousand requests a second.
pub(crate) struct Recorder {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seconds: Vec<Second>,
    kinds: BTreeMap<&'static str, Latencies>,
    wild: Vec<String>,
}

/// Everything that was taken down.
pub(crate) struct Record {
    pub(crate) seconds: Vec<Second>,
    /// By kind of request.
    pub(crate) kinds: BTreeMap<&'static str, Latencies>,
    /// What came without a code, in words.
    pub(crate) wild: Vec<String>,
}

impl Recorder {
    /// Begins to count now.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::default(),
        }
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// Whole seconds since the start.
    pub(crate) fn second(&self) -> usize {
        usize::try_from(self.start.elapsed().as_secs()).unwrap_or(usize::MAX)
    }

    /// A request of `kind` that was to start at `due` has ended now.
    pub(crate) fn ended(&self, kind: &'static str, due: Instant, how: &Ended) {
        let took = due.elapsed();
        let at = due.saturating_duration_since(self.start).as_secs();
        let at = usize::try_from(at).unwrap_or(0);
        let mut inner = self.lock();
        if inner.seconds.len() <= at {
            inner.seconds.resize_with(at + 1, Second::default);
        }
        inner.seconds[at].count(how, took);
        inner.kinds.entry(kind).or_default().record(took);
        if let Ended::Wild(what) = how {
            inner.wild.push(format!("second {at}, {kind}: {what}"));
        }
    }

    /// The second before the present one, for a line on the terminal.
    pub(crate) fn last(&self) -> Option<Second> {
        let at = self.second().checked_sub(1)?;
        self.lock().seconds.get(at).cloned()
    }

    /// All that is there.
    pub(crate) fn take(&self) -> Record {
        let inner = std::mem::take(&mut *self.lock());
        Record {
            seconds: inner.seconds,
            kinds: inner.kinds,
            wild: inner.wild,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Second {
    fn count(&mut self, how: &Ended, took: Duration) {
        let code = match how {
            Ended::Good => None,
            Ended::Refused(code) | Ended::Failed(code) => Some(code.as_str()),
            Ended::Wild(_) => Some("wild"),
        };
        if let Some(code) = code {
            *self.codes.entry(code.to_owned()).or_default() += 1;
        }
        match how {
            Ended::Good => self.good += 1,
            Ended::Refused(_) => self.refused += 1,
            Ended::Failed(_) | Ended::Wild(_) => self.failed += 1,
        }
        self.latency.record(took);
    }

    /// Requests that were answered or given up.
    pub(crate) fn all(&self) -> u32 {
        self.good + self.refused + self.failed
    }
}

impl Default for Latencies {
    #[expect(clippy::expect_used, reason = "bounds that do not change")]
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000, 2).expect("bounds of a histogram"))
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// A quantile in milliseconds; `None` of nothing.
    pub(crate) fn millis(&self, quantile: f64) -> Option<f64> {
        let micros = (!self.0.is_empty()).then(|| self.0.value_at_quantile(quantile))?;
        Some(micros as f64 / 1000.0)
    }

    /// The same in words.
    pub(crate) fn in_words(&self, quantile: f64) -> String {
        let millis = self.millis(quantile);
        millis.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_belongs_to_the_second_in_which_it_was_to_start() {
        let recorder = Recorder::new();
        let due = recorder.start() + Duration::from_millis(1_500);
        tokio::time::advance(Duration::from_millis(4_500)).await;
        recorder.ended("read", due, &Ended::Good);
        recorder.ended("read", due, &Ended::Wild("broken off".to_owned()));
        let record = recorder.take();
        assert_eq!(record.seconds.len(), 2);
        assert_eq!(record.seconds[1].good, 1);
        assert_eq!(record.seconds[1].codes["wild"], 1);
        let p99 = record.seconds[1].latency.millis(0.99).unwrap_or_default();
        assert!((2_950.0..3_050.0).contains(&p99), "{p99}");
        assert_eq!(record.wild, ["second 1, read: broken off"]);
    }

    #[test]
    fn latencies_add_up_and_nothing_has_no_quantile() {
        let mut all = Latencies::default();
        assert_eq!((all.millis(0.5), all.in_words(0.5)), (None, "–".to_owned()));
        for ms in [10, 20] {
            let mut one = Latencies::default();
            one.record(Duration::from_millis(ms));
            all.add(&one);
        }
        assert_eq!((all.count(), all.in_words(0.5)), (2, "10.0 ms".to_owned()));
    }
}
