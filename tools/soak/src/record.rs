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
#[derive(Clone, Debug)]
pub(crate) struct Second {
    pub(crate) good: u32,
    pub(crate) refused: u32,
    pub(crate) failed: u32,
    /// Errors by code; `wild` for those that have none.
    pub(crate) codes: BTreeMap<String, u32>,
    /// Of all answers, in microseconds.
    pub(crate) latency: Latencies,
}

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
    /// Latencies by kind of request, in microseconds.
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
            inner.seconds.resize_with(at + 1, Second::new);
        }
        inner.seconds[at].count(how, took);
        record(inner.kinds.entry(kind).or_insert_with(histogram), took);
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
    fn new() -> Self {
        Self {
            good: 0,
            refused: 0,
            failed: 0,
            codes: BTreeMap::new(),
            latency: histogram(),
        }
    }

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
        record(&mut self.latency, took);
    }

    /// Requests that were answered or given up.
    pub(crate) fn all(&self) -> u32 {
        self.good + self.refused + self.failed
    }

    /// A quantile of the latencies, in milliseconds.
    pub(crate) fn millis(&self, quantile: f64) -> Option<f64> {
        millis(&self.latency, quantile)
    }
}

/// Latencies in microseconds, one to a minute; none when there is no memory.
pub(crate) type Latencies = Option<Histogram<u64>>;

/// A quantile in milliseconds; `None` of nothing.
pub(crate) fn millis(latencies: &Latencies, quantile: f64) -> Option<f64> {
    let latencies = latencies.as_ref().filter(|all| !all.is_empty())?;
    Some(latencies.value_at_quantile(quantile) as f64 / 1000.0)
}

/// Two digits: three would take 200 kB for each second.
pub(crate) fn histogram() -> Latencies {
    Histogram::new_with_bounds(1, 60_000_000, 2).ok()
}

pub(crate) fn record(latencies: &mut Latencies, took: Duration) {
    if let Some(latencies) = latencies {
        latencies.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
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
        let p99 = record.seconds[1].millis(0.99).unwrap_or_default();
        assert!((2_950.0..3_050.0).contains(&p99), "{p99}");
        assert_eq!(record.wild, ["second 1, read: broken off"]);
    }
}
