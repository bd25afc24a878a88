//! The limit over a server that is played: `workers` requests at once make
//! progress, all others slow them down.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use shoal_context::Class;

use super::{AdmissionSettings, Ended, LimitMode, Limiter, Route};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A server in which `workers` requests go at full speed, and more share it.
struct Played {
    limiter: Limiter,
    workers: f64,
    /// Time that every request takes besides, in which it needs no worker.
    delay: Duration,
    now: Duration,
    /// What is left of each request's work, its class, route and beginning.
    inside: BTreeMap<u64, (f64, Class, Arc<Route>, Duration)>,
    next: u64,
    served: u64,
    refused: [u64; 3],
}

const STEP: Duration = Duration::from_millis(1);

impl Played {
    fn new(settings: AdmissionSettings, workers: f64) -> Self {
        Self {
            limiter: Limiter::new(settings, &[], Duration::ZERO),
            workers,
            delay: Duration::ZERO,
            now: Duration::ZERO,
            inside: BTreeMap::new(),
            next: 0,
            served: 0,
            refused: [0; 3],
        }
    }

    fn comes(&mut self, class: Class, path: &str, work_ms: f64) {
        if !self.limiter.take(class) {
            self.limiter.refused();
            self.refused[class as usize] += 1;
            return;
        }
        let route = self.limiter.route("GET", path);
        self.next += 1;
        let one = (work_ms, class, route, self.now);
        self.inside.insert(self.next, one);
    }

    /// A millisecond passes.
    fn step(&mut self) {
        self.now += STEP;
        let busy = self.inside.len() as f64;
        let speed = (self.workers / busy.max(1.0)).min(1.0);
        let mut done = Vec::new();
        for (id, (left, .., begun)) in &mut self.inside {
            *left -= speed;
            if *left <= 0.0 && self.now >= *begun + self.delay {
                done.push(*id);
            }
        }
        for id in done {
            let (_, class, route, begun) = self.inside.remove(&id).unwrap();
            self.limiter
                .give_back(class, &route, begun, self.now, Ended::Served);
            self.served += 1;
        }
    }

    /// `per_ms` requests of 10 ms each come per millisecond.
    fn run(&mut self, for_ms: u64, per_ms: f64, path: &str, work_ms: f64) {
        let mut owed = 0.0;
        for _ in 0..for_ms {
            owed += per_ms;
            while owed >= 1.0 {
                owed -= 1.0;
                self.comes(Class::Interactive, path, work_ms);
            }
            self.step();
        }
    }
}

fn settings() -> AdmissionSettings {
    AdmissionSettings {
        initial_limit: 200,
        ..AdmissionSettings::default()
    }
}

#[test]
fn in_overload_the_limit_falls_to_a_few_times_the_workers_and_nothing_is_lost() {
    let mut server = Played::new(settings(), 20.0);
    server.run(5_000, 1.0, "/", 10.0);
    assert_eq!(server.refused[0], 0);
    server.run(10_000, 20.0, "/", 10.0);
    let limit = server.limiter.limit();
    assert!((30..=75).contains(&limit), "{limit}");
    let before = server.served;
    server.run(10_000, 20.0, "/", 10.0);
    // Two requests per millisecond are all that 20 workers can do.
    let share = (server.served - before) as f64 / 20_000.0;
    assert!(share > 0.95, "{share}");
}

#[test]
fn a_service_that_starts_in_overload_finds_out_how_fast_it_could_be() {
    let mut server = Played::new(settings(), 10.0);
    server.run(60_000, 10.0, "/", 10.0);
    let usual = server.limiter.route("GET", "/").usual().unwrap();
    assert!(usual < MS(20), "{usual:?}");
    assert!(server.limiter.limit() < 50, "{}", server.limiter.limit());
}

#[test]
fn an_idle_night_leaves_the_limit_where_it_was() {
    let mut server = Played::new(settings(), 20.0);
    server.run(60_000, 0.05, "/", 10.0);
    assert_eq!(server.limiter.limit(), 200);
}

#[test]
fn routes_that_take_a_hundred_times_as_long_are_no_overload() {
    let mut server = Played::new(settings(), 1_000.0);
    server.run(5_000, 3.0, "/fast", 5.0);
    server.run(5_000, 0.2, "/slow", 500.0);
    server.run(20_000, 0.35, "/slow", 500.0);
    assert_eq!(server.refused[0], 0, "{}", server.limiter.limit());
    assert!(server.limiter.inflation() < 1.3);
}

#[test]
fn a_dependency_that_becomes_slow_is_no_reason_to_keep_requests_out() {
    let mut server = Played::new(settings(), 1_000.0);
    server.run(10_000, 3.0, "/", 10.0);
    // Everything takes ten times as long, however few are in.
    server.delay = MS(100);
    server.run(20_000, 3.0, "/", 10.0);
    let (before, came) = (server.refused[0], 20_000 * 3);
    server.run(20_000, 3.0, "/", 10.0);
    let refused = server.refused[0] - before;
    assert!(refused * 100 < came, "{refused} of {came}");
}

#[test]
fn a_fixed_limit_stays_and_an_adaptive_one_takes_over_where_it_stands() {
    let fixed = AdmissionSettings {
        mode: LimitMode::Fixed,
        initial_limit: 33,
        ..settings()
    };
    let mut server = Played::new(settings(), 20.0);
    server.limiter.set(fixed, Duration::ZERO);
    server.run(10_000, 20.0, "/", 10.0);
    assert_eq!(server.limiter.limit(), 33);
    let now = server.now;
    server.limiter.set(settings(), now);
    assert_eq!(server.limiter.limit(), 33);
}

#[test]
fn batch_work_is_refused_first() {
    let mut server = Played::new(settings(), 20.0);
    for n in 0..20_000_u64 {
        // 0.5 per ms batch and 1.6 interactive; 2 per ms can be done.
        if n % 2 == 0 {
            server.comes(Class::Batch, "/batch", 10.0);
        }
        server.comes(Class::Interactive, "/", 10.0);
        if n % 5 < 3 {
            server.comes(Class::Interactive, "/", 10.0);
        }
        server.step();
    }
    let [interactive, _, batch] = server.refused;
    assert!(interactive * 50 < 32_000, "{interactive}");
    assert!(batch > 0);
}

#[test]
fn pressure_tells_how_many_come_for_each_that_is_served() {
    let mut server = Played::new(settings(), 20.0);
    server.run(10_000, 10.0, "/", 10.0);
    let pressure = server.limiter.pressure();
    assert!((4.0..6.5).contains(&pressure), "{pressure}");
    server.run(10_000, 1.0, "/", 10.0);
    assert!(server.limiter.pressure() < 1.1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_limit_stays_within_its_bounds_whatever_comes(
        phases in prop::collection::vec((1_u64..2_000, 0.0_f64..8.0, 1.0_f64..100.0), 1..6),
        workers in 1.0_f64..50.0,
        min in 1_u32..40,
        most in 1_u32..200,
    ) {
        let settings = AdmissionSettings { min_limit: min, max_limit: most, ..settings() };
        // A probe goes down to a quarter.
        let least = (min.min(most) / 4).max(1);
        let mut server = Played::new(settings, workers);
        for (ms, per_ms, work) in phases {
            server.run(ms, per_ms, "/", work);
            prop_assert!((least..=most).contains(&server.limiter.limit()));
            prop_assert!(server.limiter.in_flight()[0] <= most);
        }
        while !server.inside.is_empty() {
            server.step();
        }
        prop_assert_eq!(server.limiter.in_flight(), [0; 3]);
    }
}
