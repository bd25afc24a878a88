//! Counting without locks.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::window::Observed;
use crate::sketch::{CELLS, cell_of};

/// Most shards of one breaker.
const MOST_SHARDS: usize = 16;

/// One copy of the counters per thread, as far as there are copies, so that
/// cores do not pull a cache line from each other with each call. A call adds
/// to one counter alone: success and latency are the same cell.
#[derive(Debug)]
pub(crate) struct Counters {
    shards: Box<[Shard]>,
}

/// 128 bytes: adjacent lines are fetched in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    succeeded: [AtomicU32; CELLS],
    answered: AtomicU32,
    failed: AtomicU32,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = (cores * 2).next_power_of_two().min(MOST_SHARDS);
        let shard = |_| Shard {
            succeeded: std::array::from_fn(|_| AtomicU32::new(0)),
            answered: AtomicU32::new(0),
            failed: AtomicU32::new(0),
        };
        Self {
            shards: (0..shards).map(shard).collect(),
        }
    }

    #[inline]
    pub(crate) fn succeeded(&self, micros: u64) {
        self.shard().succeeded[cell_of(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a success whose latency says nothing.
    #[inline]
    pub(crate) fn answered(&self) {
        self.shard().answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure and gives how many this shard holds now.
    #[inline]
    pub(crate) fn failed(&self) -> u32 {
        self.shard().failed.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Moves all that was counted into `seen`.
    pub(crate) fn drain(&self, seen: &mut Observed) {
        for shard in &self.shards {
            seen.answered += u64::from(take(&shard.answered));
            seen.failed += u64::from(take(&shard.failed));
            for (cell, counter) in shard.succeeded.iter().enumerate() {
                match take(counter) {
                    0 => {}
                    count => seen.latencies.add(cell, count),
                }
            }
        }
    }

    #[inline]
    fn shard(&self) -> &Shard {
        &self.shards[own_number() & (self.shards.len() - 1)]
    }
}

/// Empties a counter; most are empty, and a read leaves the line where it is.
fn take(counter: &AtomicU32) -> u32 {
    match counter.load(Ordering::Relaxed) {
        0 => 0,
        _ => counter.swap(0, Ordering::Relaxed),
    }
}

/// A small number that differs between the first threads of the process.
#[inline]
fn own_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads_and_drains() {
        const PER_THREAD: u64 = 20_000;
        let counters = Counters::new();
        let mut seen = Observed::default();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for n in 0..PER_THREAD {
                            counters.succeeded(n);
                            counters.failed();
                        }
                    })
                })
                .collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                counters.drain(&mut seen);
            }
        });
        counters.drain(&mut seen);
        assert_eq!(seen.failed, 4 * PER_THREAD);
        assert_eq!(seen.latencies.count(), 4 * PER_THREAD);
    }
}
