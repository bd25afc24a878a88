//! How long the calls of each method usually take.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use crate::sketch::{CELLS, cell_of, upper_bound};

/// Methods of one dependency that are told apart; more share one.
const MOST_METHODS: usize = 64;
/// Fewer calls tell nothing.
const LEAST_CALLS: f32 = 20.0;
/// Half of what was seen this long ago counts.
const HALF_LIFE_S: f32 = 30.0;
const TURN_MS: u64 = 250;

/// The latencies of one dependency by method.
#[derive(Debug)]
pub struct Latencies {
    known: RwLock<HashMap<Box<str>, Arc<Latency>>>,
    others: Arc<Latency>,
}

/// Latencies of one method over all instances, fading with time. One addition
/// per call; every quarter second whoever calls next renews the quantiles.
#[derive(Debug)]
pub struct Latency {
    cells: [AtomicU32; CELLS],
    turns_at_ms: AtomicU64,
    /// Zero: not known yet.
    median_us: AtomicU64,
    p95_us: AtomicU64,
    faded: Mutex<Faded>,
}

#[derive(Debug)]
struct Faded {
    cells: [f32; CELLS],
    at_ms: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            others: Arc::new(Latency::new()),
        }
    }
}

impl Latencies {
    /// The latency of `method`, which must not be the invention of a client.
    pub fn of(&self, method: &str) -> Arc<Latency> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(latency) = known.get(method) {
            return Arc::clone(latency);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_METHODS && !known.contains_key(method) {
            return Arc::clone(&self.others);
        }
        let latency = known.entry(method.into());
        Arc::clone(latency.or_insert_with(|| Arc::new(Latency::new())))
    }
}

impl Latency {
    fn new() -> Self {
        Self {
            cells: std::array::from_fn(|_| AtomicU32::new(0)),
            turns_at_ms: AtomicU64::new(0),
            median_us: AtomicU64::new(0),
            p95_us: AtomicU64::new(0),
            faded: Mutex::new(Faded {
                cells: [0.0; CELLS],
                at_ms: 0,
            }),
        }
    }

    /// Counts a call that was answered after `took`.
    pub fn record(&self, took: Duration, now: Duration) {
        self.cells[cell_of(took.as_micros() as u64)].fetch_add(1, Ordering::Relaxed);
        let now_ms = now.as_millis() as u64;
        if now_ms >= self.turns_at_ms.load(Ordering::Relaxed) {
            self.turn(now_ms);
        }
    }

    /// Counts a call that was given up after `waited`, of which nobody knows how
    /// long it would have taken. Where that is beyond the P95 the quantiles stay
    /// true; below it would pull them down, so it is not counted.
    pub fn record_abandoned(&self, waited: Duration, now: Duration) {
        if self.p95().is_some_and(|p95| waited >= p95) {
            self.record(waited, now);
        }
    }

    /// What half of the calls take at most; `None` while too few were seen.
    pub fn median(&self) -> Option<Duration> {
        known(&self.median_us)
    }

    /// What 95 % of the calls take at most; `None` while too few were seen.
    pub fn p95(&self) -> Option<Duration> {
        known(&self.p95_us)
    }

    /// How long to wait for an answer before asking somebody else as well: the
    /// P95, but no longer than four times the median, as an instance that is
    /// slow with everything would make its own latency the P95 of all. `None`
    /// while too few calls were seen.
    pub fn hedge_after(&self) -> Option<Duration> {
        let (median, p95) = (self.median()?, self.p95()?);
        Some(p95.min(median * 4).max(Duration::from_millis(1)))
    }

    #[cold]
    fn turn(&self, now_ms: u64) {
        let mut faded = match self.faded.try_lock() {
            Ok(faded) => faded,
            Err(TryLockError::Poisoned(faded)) => faded.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        self.turns_at_ms.store(now_ms + TURN_MS, Ordering::Relaxed);
        let age_s = now_ms.saturating_sub(faded.at_ms) as f32 / 1_000.0;
        let keep = (-age_s / HALF_LIFE_S).exp2();
        faded.at_ms = now_ms;
        for (old, new) in faded.cells.iter_mut().zip(&self.cells) {
            *old = *old * keep + new.swap(0, Ordering::Relaxed) as f32;
        }
        let all: f32 = faded.cells.iter().sum();
        if all >= LEAST_CALLS {
            let store = |to: &AtomicU64, share: f32| {
                to.store(quantile(&faded.cells, share * all), Ordering::Relaxed);
            };
            store(&self.median_us, 0.5);
            store(&self.p95_us, 0.95);
        }
    }
}

fn known(micros: &AtomicU64) -> Option<Duration> {
    match micros.load(Ordering::Relaxed) {
        0 => None,
        micros => Some(Duration::from_micros(micros)),
    }
}

/// The upper bound of the cell in which the call of this rank lies; never zero.
fn quantile(cells: &[f32; CELLS], rank: f32) -> u64 {
    let mut seen = 0.0;
    let at = cells.iter().position(|cell| {
        seen += cell;
        seen >= rank
    });
    upper_bound(at.unwrap_or(CELLS - 1)).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A hundred calls a second, of which each twentieth is ten times as slow.
    fn feed(latency: &Latency, from_s: u32, seconds: u32, ms: u64) {
        for n in 0..seconds * 100 {
            let took = if n % 20 == 19 { ms * 10 } else { ms };
            let now = SECOND * from_s + SECOND * n / 100;
            latency.record(Duration::from_millis(took), now);
        }
    }

    #[test]
    fn few_calls_tell_nothing_and_more_tell_the_quantiles() {
        let latency = Latency::new();
        latency.record(SECOND, SECOND);
        assert_eq!((latency.median(), latency.p95()), (None, None));
        feed(&latency, 2, 30, 10);
        let median = latency.median().unwrap().as_millis();
        assert!((10..=11).contains(&median), "{median}");
        assert!(latency.p95().unwrap() < Duration::from_millis(120));
    }

    #[test]
    fn what_was_is_forgotten_for_what_is() {
        let latency = Latency::new();
        feed(&latency, 1, 60, 10);
        feed(&latency, 61, 60, 40);
        assert!(latency.median().unwrap() >= Duration::from_millis(40));
    }

    #[test]
    fn a_call_given_up_early_does_not_make_the_method_look_fast() {
        let latency = Latency::new();
        feed(&latency, 1, 30, 10);
        let before = latency.median();
        for n in 0..10_000 {
            latency.record_abandoned(Duration::from_millis(1), SECOND * 31 + SECOND * n / 1_000);
        }
        feed(&latency, 41, 1, 10);
        assert_eq!(latency.median(), before);
    }

    #[test]
    fn the_number_of_methods_is_bounded() {
        let latencies = Latencies::default();
        for n in 0..1_000 {
            latencies.of(&format!("method {n}"));
        }
        let others = latencies.of("one more");
        assert!(Arc::ptr_eq(&others, &latencies.of("yet another")));
        assert!(!Arc::ptr_eq(&others, &latencies.of("method 3")));
    }
}
