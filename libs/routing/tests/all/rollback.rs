//! When a rule goes back, on a clock that the test moves.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use shoal_routing::rollback::{Group, Guard, Judgement, Regression, RollbackSettings, Sample};

/// Traffic of one side.
#[derive(Clone, Copy)]
struct Traffic {
    /// Requests per second.
    rate: u32,
    /// Share that fails.
    errors: f64,
    /// Factor on the latency.
    slower: f64,
    /// Share of requests that take a second more.
    stuck: f64,
}

const STEADY: Traffic = Traffic {
    rate: 100,
    errors: 0.005,
    slower: 1.0,
    stuck: 0.0,
};

impl Traffic {
    fn at(self, rate: u32) -> Self {
        Self { rate, ..self }
    }

    /// A request with a long tail: most take 5 to 20 ms, one in a hundred 100.
    fn sample(self, rng: &mut StdRng) -> Sample {
        let tail = if rng.random_bool(0.01) { 100.0 } else { 5.0 };
        let mut ms = (tail + rng.random_range(0.0..15.0)) * self.slower;
        if rng.random_bool(self.stuck) {
            ms += 1_000.0;
        }
        Sample {
            failed: rng.random_bool(self.errors),
            took: Duration::from_secs_f64(ms / 1_000.0),
        }
    }
}

/// Runs both sides for `seconds`, looking once a second; when and why it goes
/// back.
fn run(
    seed: u64,
    seconds: u64,
    gray: impl Fn(u64) -> Traffic,
    stable: impl Fn(u64) -> Traffic,
) -> Option<(u64, Regression)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut guard = Guard::new(&RollbackSettings::default());
    for second in 0..seconds {
        let now = Duration::from_secs(second);
        for (group, traffic) in [(Group::Gray, gray(second)), (Group::Stable, stable(second))] {
            for _ in 0..traffic.rate {
                guard.record(now, group, traffic.sample(&mut rng));
            }
        }
        if let Judgement::RollBack(why) = guard.look(now) {
            return Some((second, why));
        }
    }
    None
}

#[test]
fn equal_sides_never_go_back() {
    for seed in 0..8 {
        let back = run(seed, 600, |_| STEADY.at(10), |_| STEADY.at(60));
        assert_eq!(back, None, "seed {seed}");
    }
}

#[test]
fn a_fault_that_hits_both_sides_is_no_reason() {
    // A slow, failing database from the second minute on.
    let both = |second: u64| Traffic {
        errors: if second > 60 { 0.3 } else { 0.001 },
        slower: if second > 60 { 20.0 } else { 1.0 },
        ..STEADY
    };
    for seed in 0..5 {
        let back = run(seed, 300, |s| both(s).at(10), both);
        assert_eq!(back, None, "seed {seed}");
    }
}

#[test]
fn more_errors_go_back_within_seconds_and_the_reason_says_so() {
    for seed in 0..5 {
        let broken = |second| Traffic {
            errors: if second >= 60 { 0.5 } else { 0.005 },
            ..STEADY.at(10)
        };
        let (when, why) = run(seed, 180, broken, |_| STEADY).expect("it goes back");
        assert!((60..90).contains(&when), "seed {seed}: {when}");
        assert_eq!(why.of, "errors");
        assert!(why.gray > why.stable && why.p_value < 1e-7, "{why}");
        assert!(why.to_string().contains("% failed, against"), "{why}");
    }
}

#[test]
fn a_release_that_fails_from_its_first_request_goes_back_once_there_are_enough() {
    let dead = Traffic {
        errors: 1.0,
        ..STEADY.at(5)
    };
    let (when, why) = run(1, 60, |_| dead, |_| STEADY).expect("it goes back");
    // Fifty requests at five a second, and two further looks.
    assert!((9..=12).contains(&when), "{when}");
    assert_eq!(why.of, "errors");
}

#[test]
fn a_slower_release_goes_back_and_a_somewhat_slower_one_does_not() {
    for seed in 0..3 {
        let slow = Traffic {
            slower: 4.0,
            ..STEADY.at(20)
        };
        let (_, why) = run(seed, 120, |_| slow, |_| STEADY).expect("it goes back");
        assert_eq!(why.of, "p95", "{why}");
        let somewhat = Traffic {
            slower: 1.2,
            ..STEADY.at(20)
        };
        assert_eq!(run(seed, 300, |_| somewhat, |_| STEADY), None);
    }
}

#[test]
fn a_worse_tail_goes_back_though_the_middle_is_as_before() {
    for seed in 0..3 {
        let stuck = Traffic {
            stuck: 0.025,
            ..STEADY.at(50)
        };
        let (_, why) = run(seed, 240, |_| stuck, |_| STEADY).expect("it goes back");
        assert_eq!(why.of, "p99", "{why}");
    }
}

#[test]
fn a_rise_that_is_certain_but_does_not_matter_is_left_alone() {
    let slightly = Traffic {
        errors: 0.009,
        ..STEADY.at(2_000)
    };
    let base = Traffic {
        errors: 0.001,
        ..STEADY.at(2_000)
    };
    assert_eq!(run(3, 70, |_| slightly, |_| base), None);
}

#[test]
fn without_enough_requests_on_either_side_nothing_is_said() {
    let mut guard = Guard::new(&RollbackSettings::default());
    let failed = Sample {
        failed: true,
        took: Duration::from_millis(1),
    };
    let fine = Sample {
        failed: false,
        ..failed
    };
    let now = Duration::from_secs(1);
    for _ in 0..10_000 {
        guard.record(now, Group::Gray, failed);
    }
    assert_eq!(
        guard.look(now),
        Judgement::TooFew,
        "nothing to compare with"
    );
    for _ in 0..49 {
        guard.record(now, Group::Stable, fine);
    }
    assert_eq!(guard.look(now), Judgement::TooFew);
    guard.record(now, Group::Stable, fine);
    assert!(matches!(guard.look(now), Judgement::Suspect(_)));
    assert!(matches!(guard.look(now), Judgement::Suspect(_)));
    assert!(matches!(guard.look(now), Judgement::RollBack(_)));
    assert_eq!(guard.look(now), Judgement::TooFew, "it begins anew");
}

#[test]
fn what_left_the_window_counts_no_more() {
    let mut guard = Guard::new(&RollbackSettings::default());
    let sample = |failed| Sample {
        failed,
        took: Duration::from_millis(5),
    };
    for _ in 0..200 {
        guard.record(Duration::ZERO, Group::Gray, sample(true));
        guard.record(Duration::ZERO, Group::Stable, sample(false));
    }
    let later = Duration::from_secs(61);
    for _ in 0..200 {
        guard.record(later, Group::Gray, sample(false));
        guard.record(later, Group::Stable, sample(false));
    }
    assert_eq!(guard.look(later), Judgement::Alike);
    assert_eq!(guard.look(Duration::from_secs(200)), Judgement::TooFew);
}
