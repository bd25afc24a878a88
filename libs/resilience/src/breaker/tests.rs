//! The breaker as its callers see it, on a clock that the test moves.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A dependency that is called steadily.
struct Rig {
    breaker: Breaker,
    now: Duration,
    random: u64,
    transitions: Arc<Mutex<Vec<Transition>>>,
    rejected: u64,
}

impl Rig {
    fn new() -> Self {
        Self::with(BreakerSettings::default())
    }

    fn with(settings: BreakerSettings) -> Self {
        let transitions = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&transitions);
        let now = Duration::from_secs(1_000);
        Self {
            breaker: Breaker::new(settings, 7, now, move |transition| {
                heard.lock().unwrap().push(transition.clone());
            }),
            now,
            random: 42,
            transitions,
            rejected: 0,
        }
    }

    /// Calls for `seconds` at `per_second`; a share `rate` fails, the others
    /// take `latency`.
    fn run(&mut self, seconds: f64, per_second: u32, rate: f64, latency: Duration) {
        let step = Duration::from_secs_f64(1.0 / f64::from(per_second));
        for _ in 0..(seconds * f64::from(per_second)) as u64 {
            self.now += step;
            let failed = self.draw() < rate;
            match self.breaker.acquire(self.now) {
                Err(_) => self.rejected += 1,
                Ok(permit) if failed => permit.failure(self.now),
                Ok(permit) => permit.success(latency, self.now),
            }
        }
    }

    fn steady(&mut self, seconds: f64, rate: f64) {
        self.run(seconds, 200, rate, Duration::from_millis(10));
    }

    fn snapshot(&self) -> Snapshot {
        self.breaker.snapshot(self.now)
    }

    fn causes(&self) -> Vec<Cause> {
        let transitions = self.transitions.lock().unwrap();
        transitions.iter().map(|t| t.cause).collect()
    }

    fn draw(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random as f64 / u64::MAX as f64
    }
}

#[test]
fn what_is_usual_never_trips_it_and_becomes_the_threshold() {
    for (rate, threshold) in [(0.0817, 0.098), (0.11, 0.132), (0.0542, 0.065)] {
        let mut rig = Rig::new();
        rig.steady(900.0, rate);
        let seen = rig.snapshot();
        assert_eq!(seen.trips, 0, "{rate}: {seen:?}");
        let off = (seen.threshold - threshold).abs();
        assert!(off < 0.006, "{rate}: {}", seen.threshold);
    }
}

#[test]
fn an_outage_trips_it_within_a_quarter_of_a_second() {
    let mut rig = Rig::new();
    rig.steady(300.0, 0.08);
    rig.steady(0.25, 1.0);
    assert_eq!(rig.causes(), [Cause::ThresholdExceeded]);
    let reason = rig.snapshot().reason.unwrap();
    assert!(reason.calls < 60, "{reason}");
    assert!(
        rig.breaker
            .acquire(rig.now)
            .unwrap_err()
            .retry_after
            .is_some()
    );
}

#[test]
fn a_dependency_that_was_never_called_gets_the_benefit_of_the_doubt() {
    let mut rig = Rig::new();
    rig.run(2.0, 5, 1.0, Duration::ZERO);
    assert_eq!(rig.snapshot().trips, 0);
    rig.run(4.0, 5, 1.0, Duration::ZERO);
    assert_eq!(rig.snapshot().trips, 1);
}

#[test]
fn few_calls_at_night_do_not_trip_it_by_chance() {
    let mut rig = Rig::new();
    rig.run(4.0 * 3_600.0, 3, 0.05, Duration::from_millis(10));
    assert_eq!(rig.snapshot().trips, 0, "{:?}", rig.snapshot());
}

#[test]
fn slow_is_bad_once_the_usual_is_known_and_people_notice() {
    let mut rig = Rig::new();
    rig.steady(120.0, 0.02);
    rig.run(1.0, 200, 0.02, Duration::from_millis(400));
    assert_eq!(rig.snapshot().trips, 0, "up to half a second nobody minds");
    rig.run(1.0, 200, 0.02, Duration::from_millis(800));
    let seen = rig.snapshot();
    assert_eq!(seen.trips, 1, "{seen:?}");
    assert!(seen.reason.unwrap().slow_calls > 0);
}

#[test]
fn it_closes_again_when_the_dependency_is_back_and_waits_longer_while_it_is_not() {
    let mut rig = Rig::new();
    rig.steady(300.0, 0.08);
    rig.steady(20.0, 1.0);
    let failed_trials = rig
        .causes()
        .iter()
        .filter(|cause| **cause == Cause::TrialFailed)
        .count();
    assert!((3..=6).contains(&failed_trials), "{:?}", rig.causes());
    rig.steady(40.0, 0.08);
    assert_eq!(rig.snapshot().state, State::Closed);
    assert_eq!(rig.causes().last(), Some(&Cause::TrialPassed));
    // It has not taken the outage for usual.
    assert!(rig.snapshot().threshold < 0.14);
}

#[test]
fn half_open_lets_few_through_at_once_and_takes_back_the_place_of_those_that_give_up() {
    let mut rig = Rig::new();
    rig.steady(60.0, 0.0);
    rig.steady(1.0, 1.0);
    rig.now += Duration::from_secs(30);
    let permits: Vec<_> = (0..3)
        .map(|_| rig.breaker.acquire(rig.now).unwrap())
        .collect();
    assert!(permits.iter().all(Permit::is_probe));
    assert_eq!(
        rig.breaker.acquire(rig.now).unwrap_err(),
        Rejected { retry_after: None }
    );
    drop(permits);
    assert!(rig.breaker.acquire(rig.now).is_ok());
}

#[test]
fn it_can_be_disabled_forced_and_left_to_itself_again() {
    let mut rig = Rig::new();
    let mode = |mode| BreakerSettings {
        mode,
        ..BreakerSettings::default()
    };
    rig.breaker.set(mode(Mode::ForcedOpen), rig.now);
    assert_eq!(
        rig.breaker.acquire(rig.now).unwrap_err(),
        Rejected { retry_after: None }
    );
    rig.breaker.set(mode(Mode::Disabled), rig.now);
    rig.steady(10.0, 1.0);
    assert_eq!(rig.snapshot().state, State::Closed);
    rig.breaker.set(mode(Mode::Adaptive), rig.now);
    rig.steady(1.0, 1.0);
    assert_eq!(rig.snapshot().state, State::Open);
    rig.breaker.set(mode(Mode::Disabled), rig.now);
    assert_eq!(rig.snapshot().state, State::Closed);
}

#[test]
fn a_call_given_up_blames_the_dependency_only_when_it_had_its_time() {
    let mut rig = Rig::new();
    rig.steady(120.0, 0.0);
    let give_up = |rig: &mut Rig, took| {
        for _ in 0..40 {
            rig.now += Duration::from_millis(10);
            if let Ok(permit) = rig.breaker.acquire(rig.now) {
                permit.gave_up(took, rig.now);
            }
        }
    };
    give_up(&mut rig, Duration::from_millis(5));
    assert_eq!(rig.snapshot().state, State::Closed);
    give_up(&mut rig, Duration::from_secs(2));
    assert_eq!(rig.snapshot().state, State::Open);
}

#[test]
fn calls_from_many_threads_are_all_counted() {
    let breaker = Breaker::new(BreakerSettings::default(), 1, Duration::ZERO, |_| {});
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..50_000_u32 {
                    let now = Duration::from_micros(u64::from(n) * 100);
                    let permit = breaker.acquire(now).unwrap();
                    permit.success(Duration::from_millis(1), now);
                }
            });
        }
    });
    assert_eq!(breaker.snapshot(Duration::from_secs(5)).calls, 200_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_it_comes_back_to_a_dependency_that_works(
        phases in prop::collection::vec((0.0_f64..=1.0, 1_u64..20_000, 1_u32..300), 1..8),
    ) {
        let mut rig = Rig::new();
        for (rate, latency_us, seconds) in phases {
            let latency = Duration::from_micros(latency_us);
            rig.run(f64::from(seconds) / 10.0, 50, rate, latency);
        }
        rig.run(120.0, 50, 0.0, Duration::from_millis(1));
        prop_assert_eq!(rig.snapshot().state, State::Closed);
        let before = rig.rejected;
        rig.run(60.0, 50, 0.0, Duration::from_millis(1));
        prop_assert_eq!(rig.rejected, before);
    }
}

#[test]
fn calls_whose_latency_says_nothing_count_and_teach_no_latency() {
    let mut rig = Rig::new();
    for _ in 0..12_000 {
        rig.now += Duration::from_millis(10);
        rig.breaker.acquire(rig.now).unwrap().answered(rig.now);
        // A caller with little time is no failure: a second is the usual patience.
        let hasty = rig.breaker.acquire(rig.now).unwrap();
        hasty.gave_up(Duration::from_millis(900), rig.now);
    }
    let seen = rig.snapshot();
    assert!(seen.calls > 5_900 && seen.bad_calls == 0, "{seen:?}");
    assert_eq!((seen.p95_ms, seen.usual_p95_ms), (None, None));
    rig.run(1.0, 200, 1.0, Duration::ZERO);
    let seen = rig.snapshot();
    assert!(seen.trips > 0, "{seen:?}");
}

#[test]
fn an_outage_soon_after_the_start_is_noticed_as_well() {
    for good_s in [1.0, 2.0, 5.0, 20.0, 40.0] {
        let mut rig = Rig::new();
        rig.steady(good_s, 0.05);
        assert_eq!(rig.snapshot().trips, 0);
        rig.steady(1.0, 1.0);
        assert_eq!(rig.snapshot().trips, 1, "after {good_s} s");
    }
}
