//! What a breaker, and a limit, costs per call while all is well.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use failsafe::CircuitBreaker as _;
use futures::FutureExt as _;
use rs_zero::resil::{BreakerConfig, BreakerPolicyConfig, SharedCircuitBreaker};
use shoal_context::Class;
use shoal_resilience::{Admission, AdmissionSettings, Breaker, BreakerSettings, Ended, Limiter};
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimit;
use tower::util::service_fn;
use tower::{Layer as _, Service as _};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

/// Calls per thread and round.
const CALLS: u32 = 2_000_000;
/// Others' turns lie between two of one contender, so that all see the same
/// noise; the best round counts.
const ROUNDS: usize = 5;

/// Nanoseconds per call of one contender.
#[derive(Clone, Debug)]
pub struct Cost {
    /// As tables have it.
    pub name: &'static str,
    /// With one thread.
    pub alone: f64,
    /// With a thread on each core, all on the same one.
    pub contended: f64,
}

/// Gives each thread its own way to the one contender.
type Shared = Box<dyn Fn() -> Call + Sync>;
type Call = Box<dyn FnMut(u32) + Send>;

/// Measures all breakers in turns.
pub fn costs() -> Vec<Cost> {
    measure(&calls())
}

/// Measures all limits in turns.
pub fn limit_costs() -> Vec<Cost> {
    measure(&limits())
}

fn measure(calls: &[(&'static str, Shared)]) -> Vec<Cost> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut costs: Vec<_> = calls
        .iter()
        .map(|&(name, _)| Cost {
            name,
            alone: f64::INFINITY,
            contended: f64::INFINITY,
        })
        .collect();
    for _ in 0..ROUNDS {
        for (cost, (_, call)) in costs.iter_mut().zip(calls) {
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

fn limits() -> Vec<(&'static str, Shared)> {
    vec![
        ("nothing (the loop)", nothing()),
        ("shoal's limit, given the time", limiter()),
        ("shoal's door, reading the clock", door()),
        ("tokio's Semaphore", semaphore()),
        ("tower's ConcurrencyLimit", concurrency_limit()),
    ]
}

/// As the server stacks use it, without the clock.
fn limiter() -> Shared {
    let limiter = Limiter::new(AdmissionSettings::default(), &[], Duration::ZERO);
    let limiter = Arc::new(limiter);
    Box::new(move || {
        let limiter = Arc::clone(&limiter);
        let route = limiter.route("GET", "/");
        Box::new(move |n| {
            let begun = Duration::from_micros(u64::from(n));
            if limiter.take(Class::Interactive) {
                let now = begun + black_box(Duration::from_micros(500));
                limiter.give_back(Class::Interactive, &route, begun, now, Ended::Served);
            }
        })
    })
}

/// All that a request passes: finding its route, the clock twice, the place.
fn door() -> Shared {
    let settings = AdmissionSettings::default();
    let door = Admission::new("cost", settings, &[], shoal_task::system_clock());
    Box::new(move || {
        let door = door.clone();
        let left = Some(Duration::from_secs(10));
        Box::new(move |_| {
            let route = door.limiter().route("GET", "/order/v1/orders/{id}");
            let admitted = door.admit(&route, Class::Interactive, left).now_or_never();
            if let Some(Ok(place)) = admitted {
                place.ended(Ended::Served);
            }
        })
    })
}

fn semaphore() -> Shared {
    let places = Arc::new(Semaphore::new(64));
    Box::new(move || {
        let places = Arc::clone(&places);
        Box::new(move |n| {
            drop(black_box(Arc::clone(&places).try_acquire_owned()));
            black_box(n);
        })
    })
}

fn concurrency_limit() -> Shared {
    let inner = service_fn(|n: u32| ready(Ok::<_, Infallible>(n)));
    let service = ConcurrencyLimit::new(inner, 64);
    Box::new(move || {
        let mut service = service.clone();
        Box::new(move |n| {
            let ready = poll_fn(|cx| service.poll_ready(cx)).now_or_never();
            if matches!(ready, Some(Ok(()))) {
                black_box(service.call(n).now_or_never().is_some());
            }
        })
    })
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
