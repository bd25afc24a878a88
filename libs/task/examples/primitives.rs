//! Which primitive for which shared state: 100 tasks × 10,000 operations on
//! counters, on maps of counters, and on state that is read by all and hardly
//! ever written.
//!
//! ```sh
//! ./bazelw run -c opt //libs/task:example_primitives
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::disallowed_methods,
    reason = "real time, and tasks that the benchmark itself joins"
)]

use std::alloc::System;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TASKS: u64 = 100;
const OPERATIONS: u64 = 10_000;
/// Operations between two yields, and of one timing.
const BATCH: u64 = 100;
const KEYS: u64 = 1_000;
/// One in so many operations on read-mostly state writes.
const WRITES: u64 = 1_000;
const ROUNDS: usize = 7;
const SHARDS: usize = 16;

#[repr(align(128))]
#[derive(Default)]
struct Padded(AtomicU64);

struct Row {
    name: &'static str,
    /// Nanoseconds per operation of each batch.
    batches: Vec<u64>,
    seconds: f64,
    bytes: usize,
}

#[tokio::main]
async fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{TASKS} tasks × {OPERATIONS} operations, {cores} cores, the middle one of {ROUNDS} rounds\n"
    );
    print("One counter", counters().await);
    print(&format!("Counters under {KEYS} keys"), maps().await);
    print(
        &format!("State that is read; one in {WRITES} operations writes"),
        state().await,
    );
}

async fn counters() -> Vec<Row> {
    let mut rows = Vec::new();
    let add = |counter: &AtomicU64, _, _| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    rows.push(measure("atomic", AtomicU64::default, add).await);
    let sharded = || std::array::from_fn::<_, SHARDS, _>(|_| Padded::default());
    rows.push(
        measure("atomics, one per shard", sharded, |shards, task, _| {
            let shard = &shards[task as usize % SHARDS];
            shard.0.fetch_add(1, Ordering::Relaxed);
        })
        .await,
    );
    rows.push(
        measure("Mutex", Mutex::<u64>::default, |counter, _, _| {
            *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        })
        .await,
    );
    rows.push(
        measure(
            "RwLock, written",
            RwLock::<u64>::default,
            |counter, _, _| {
                *counter.write().unwrap_or_else(PoisonError::into_inner) += 1;
            },
        )
        .await,
    );
    rows
}

async fn maps() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.push(
        measure(
            "Mutex<HashMap>",
            Mutex::<HashMap<u64, u64>>::default,
            |map, task, n| {
                let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
                *map.entry(key(task, n)).or_default() += 1;
            },
        )
        .await,
    );
    type Known = RwLock<HashMap<u64, AtomicU64>>;
    rows.push(
        measure(
            "RwLock<HashMap> of atomics",
            Known::default,
            |map, task, n| {
                let key = key(task, n);
                let read = map.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(counter) = read.get(&key) {
                    counter.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                drop(read);
                let mut write = map.write().unwrap_or_else(PoisonError::into_inner);
                write
                    .entry(key)
                    .or_default()
                    .fetch_add(1, Ordering::Relaxed);
            },
        )
        .await,
    );
    rows.push(
        measure(
            "DashMap (sharded)",
            DashMap::<u64, u64>::default,
            |map, task, n| {
                *map.entry(key(task, n)).or_default() += 1;
            },
        )
        .await,
    );
    type Free = papaya::HashMap<u64, AtomicU64>;
    rows.push(
        measure("papaya (lock-free)", Free::default, |map, task, n| {
            let pinned = map.pin();
            let counter = pinned.get_or_insert_with(key(task, n), AtomicU64::default);
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .await,
    );
    rows
}

/// Spread over the keys, another order for each task.
fn key(task: u64, n: u64) -> u64 {
    (task.wrapping_mul(7_919) + n.wrapping_mul(31)) % KEYS
}

async fn state() -> Vec<Row> {
    type Config = [u64; 16];
    let mut rows = Vec::new();
    rows.push(
        measure(
            "Mutex<Arc>",
            Mutex::<Arc<Config>>::default,
            |state, _, n| {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if n % WRITES == 0 {
                    *state = Arc::new([n; 16]);
                }
                let held = Arc::clone(&state);
                drop(state);
                black_box(held[3]);
            },
        )
        .await,
    );
    rows.push(
        measure(
            "RwLock<Arc>",
            RwLock::<Arc<Config>>::default,
            |state, _, n| {
                if n % WRITES == 0 {
                    *state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new([n; 16]);
                }
                let held = Arc::clone(&state.read().unwrap_or_else(PoisonError::into_inner));
                black_box(held[3]);
            },
        )
        .await,
    );
    rows.push(
        measure("ArcSwap", ArcSwap::<Config>::default, |state, _, n| {
            if n % WRITES == 0 {
                state.store(Arc::new([n; 16]));
            }
            black_box(state.load()[3]);
        })
        .await,
    );
    let channel = || watch::channel(Config::default());
    rows.push(
        measure("tokio watch", channel, |(sender, receiver), _, n| {
            if n % WRITES == 0 {
                sender.send_replace([n; 16]);
            }
            black_box(receiver.borrow()[3]);
        })
        .await,
    );
    rows
}

/// Runs the tasks over one state and keeps the middle round: in the best one the
/// cores hardly met. What the state takes is measured apart from that, as the
/// runtime allocates for itself.
async fn measure<S: Send + Sync + 'static>(
    name: &'static str,
    make: impl Fn() -> S,
    operation: impl Fn(&S, u64, u64) + Copy + Send + Sync + 'static,
) -> Row {
    let bytes = memory(&make, operation);
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let shared = Arc::new(make());
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(one_task(Arc::clone(&shared), task, operation)))
            .collect();
        let mut batches = Vec::new();
        for task in tasks {
            batches.extend(task.await.unwrap_or_default());
        }
        let seconds = start.elapsed().as_secs_f64();
        batches.sort_unstable();
        rounds.push(Row {
            name,
            batches,
            seconds,
            bytes,
        });
    }
    rounds.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    rounds.swap_remove(ROUNDS / 2)
}

/// Bytes that one state holds, itself included, once every key was met.
fn memory<S>(make: &impl Fn() -> S, operation: impl Fn(&S, u64, u64)) -> usize {
    let region = Region::new(ALLOCATOR);
    let state = Box::new(make());
    (0..KEYS).for_each(|n| operation(&state, 0, n));
    let change = region.change();
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
}

async fn one_task<S>(shared: Arc<S>, task: u64, operation: impl Fn(&S, u64, u64)) -> Vec<u64> {
    let mut batches = Vec::with_capacity((OPERATIONS / BATCH) as usize);
    for batch in 0..OPERATIONS / BATCH {
        let start = Instant::now();
        for n in 0..BATCH {
            operation(&shared, task, batch * BATCH + n);
        }
        batches.push(start.elapsed().as_nanos() as u64 / BATCH);
        tokio::task::yield_now().await;
    }
    batches
}

fn print(title: &str, rows: Vec<Row>) {
    println!("| {title} | P50, ns | P99, ns | operations/ms | memory |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let at = |share: f64| {
            let last = row.batches.len().saturating_sub(1) as f64;
            row.batches
                .get((last * share) as usize)
                .copied()
                .unwrap_or(0)
        };
        println!(
            "| {} | {} | {} | {:.0} | {} |",
            row.name,
            at(0.5),
            at(0.99),
            (TASKS * OPERATIONS) as f64 / row.seconds / 1_000.0,
            bytes(row.bytes),
        );
    }
    println!();
}

fn bytes(count: usize) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        _ => format!("{} KiB", count / 1_024),
    }
}
