//! What a breaker costs per call while all is well.

use std::future::{poll_fn, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use failsafe::CircuitBreaker as _;
use futures::FutureExt as _;
use rs_zero::resil::{BreakerConfig, BreakerPolicyConfig, SharedCircuitBreaker};
use shoal_resilience::{Breaker, BreakerSettings};
use tower::util::service_fn;
use tower::{Layer as _, Service as _};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// Calls per thread and round.
const CALLS: u32 = 2_000_000;
/// Others' turns lie between two of one contender, so that all see the same
/// noise; the best round counts.
const ROUNDS: usize = 5;

/// Nanoseconds per call of one breaker.
#[derive(Clone, Debug)]
pub struct Cost {
    /// As tables have it.
    pub name: &'static str,
    /// With one thread.
    pub alone: f64,
    /// With a thread on each core, all on the same breaker.
    pub contended: f64,
}

/// Gives each thread its own way to the one breaker.
type Shared = Box<dyn Fn() -> Call + Sync>;
type Call = Box<dyn FnMut(u32) + Send>;

/// Measures all of them in turns.
pub fn costs() -> Vec<Cost> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let calls = calls();
    let mut costs: Vec<_> = calls
        .iter()
        .map(|&(name, _)| Cost {
            name,
            alone: f64::INFINITY,
            contended: f64::INFINITY,
        })
        .collect();
    for _ in 0..ROUNDS {
        for (cost, (_, call)) in costs.iter_mut().zip(&calls) {
            cost.alone = cost.alone.min(per_call(1, call));
            cost.contended = cost.contended.min(per_call(cores, call));
        }
    }
    costs
}

fn per_call(threads: usize, shared: &Shared) -> f64 {
    let start = now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let mut call = shared();
            scope.spawn(move || (0..CALLS).for_each(&mut call));
        }
    });
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn calls() -> Vec<(&'static str, Shared)> {
    vec![
        ("nothing (the loop)", nothing()),
        ("shoal, given the time", given_the_time()),
        ("shoal, reading the clock", reading_the_clock()),
        ("recloser 1.4", recloser()),
        ("failsafe 1.3", failsafe()),
        ("tower-resilience 0.14", tower_resilience()),
        ("rs-zero 0.2", rs_zero()),
    ]
}

fn nothing() -> Shared {
    Box::new(|| Box::new(|n| _ = black_box(n)))
}

/// As the client stack uses it: it measures each call anyway.
fn given_the_time() -> Shared {
    let breaker = ours();
    Box::new(move || {
        let breaker = Arc::clone(&breaker);
        Box::new(move |n| {
            let now = Duration::from_micros(u64::from(n));
            if let Ok(permit) = breaker.acquire(now) {
                permit.success(black_box(Duration::from_micros(1_500)), now);
            }
        })
    })
}

fn reading_the_clock() -> Shared {
    let (start, breaker) = (now(), ours());
    Box::new(move || {
        let breaker = Arc::clone(&breaker);
        Box::new(move |_| {
            let begun = start.elapsed();
            if let Ok(permit) = breaker.acquire(begun) {
                let now = start.elapsed();
                permit.success(now - begun, now);
            }
        })
    })
}

fn ours() -> Arc<Breaker> {
    let breaker = Breaker::new(BreakerSettings::default(), 1, Duration::ZERO, |_| {});
    Arc::new(breaker)
}

fn recloser() -> Shared {
    let breaker = Arc::new(recloser::Recloser::custom().build());
    Box::new(move || {
        let breaker = Arc::clone(&breaker);
        Box::new(move |n| _ = black_box(breaker.call(|| Ok::<_, ()>(n))))
    })
}

fn failsafe() -> Shared {
    let breaker = failsafe::Config::new().build();
    Box::new(move || {
        let breaker = breaker.clone();
        Box::new(move |n| _ = black_box(breaker.call(|| Ok::<_, ()>(n))))
    })
}

fn tower_resilience() -> Shared {
    // The defaults of the crate are what it accepts.
    let layer = CircuitBreakerLayer::builder().build().ok();
    let inner = service_fn(|n: u32| ready(Ok::<_, String>(n)));
    let service = layer.map(|layer| layer.layer(inner));
    Box::new(move || {
        let mut service = service.clone();
        Box::new(move |n| {
            if let Some(service) = &mut service {
                let ready = poll_fn(|cx| service.poll_ready(cx)).now_or_never();
                if matches!(ready, Some(Ok(()))) {
                    black_box(service.call(n).now_or_never().is_some());
                }
            }
        })
    })
}

fn rs_zero() -> Shared {
    let breaker = SharedCircuitBreaker::with_policy(
        BreakerConfig::default(),
        BreakerPolicyConfig::google_sre(),
    );
    Box::new(move || {
        let breaker = breaker.clone();
        Box::new(move |n| {
            if let Some(Ok(guard)) = breaker.allow().now_or_never() {
                black_box(guard.record_success().now_or_never());
            }
            black_box(n);
        })
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
