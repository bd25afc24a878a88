//! What the breaker promises, over several chances.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use shoal_context::Class;
use shoal_simulate::{
    Held, Load, Run, Story, contenders, play, policies, replay, scenarios, stories,
};

/// Ours and the static one, for each seed.
fn runs(name: &str) -> Vec<(Run, Run)> {
    let scenario = scenarios().into_iter().find(|s| s.name == name).unwrap();
    let run = |which: usize, seed| {
        let clock = Held::at(Duration::from_secs(1_000));
        let mut contender = contenders(&clock).swap_remove(which);
        replay(&scenario, contender.as_mut(), &clock, seed)
    };
    (1..=3).map(|seed| (run(0, seed), run(1, seed))).collect()
}

fn threshold_is_near(run: &Run, percent: f64) {
    let learned = run.threshold.unwrap() * 100.0;
    assert!(
        (learned - percent).abs() < 0.4,
        "{learned} instead of {percent}"
    );
}

#[test]
fn in_steady_traffic_it_never_trips_and_learns_a_threshold_near_9_8() {
    for (ours, _) in runs("steady") {
        assert_eq!((ours.false_trips, ours.lost), (0, 0));
        threshold_is_near(&ours, 9.8);
    }
}

#[test]
fn the_jitter_after_a_release_trips_the_static_one_and_not_ours() {
    for (ours, fixed) in runs("release jitter") {
        assert_eq!((ours.false_trips, ours.lost), (0, 0));
        assert!(fixed.false_trips > 0 && fixed.lost > 0);
        threshold_is_near(&ours, 13.2);
    }
}

#[test]
fn at_night_it_notices_what_a_static_one_does_not() {
    for (ours, fixed) in runs("night") {
        assert_eq!((ours.false_trips, ours.missed), (0, 0));
        assert!(fixed.missed > 0 || fixed.noticed_after_s > ours.noticed_after_s);
        threshold_is_near(&ours, 6.5);
    }
}

#[test]
fn more_traffic_alone_is_no_trouble() {
    for (ours, _) in runs("bulk import") {
        assert_eq!((ours.false_trips, ours.lost), (0, 0));
    }
}

#[test]
fn what_is_down_is_noticed_within_seconds_and_left_in_peace() {
    for name in ["brown-out", "flapping", "outage"] {
        for (ours, fixed) in runs(name) {
            assert_eq!((ours.false_trips, ours.missed), (0, 0), "{name}");
            assert!(ours.noticed_after_s.unwrap() < 2.0, "{name}: {ours:?}");
            assert!(
                ours.noticed_after_s <= fixed.noticed_after_s.or(Some(f64::MAX)),
                "{name}"
            );
        }
    }
}

#[test]
fn what_worsens_slowly_is_noticed_too() {
    for (ours, _) in runs("slow degradation") {
        assert_eq!((ours.false_trips, ours.missed), (0, 0));
    }
}

/// Ours and another limit in one story.
fn limits(story: &str, other: &str, seed: u64) -> (Story, Load, Load) {
    let story = stories().into_iter().find(|s| s.name == story).unwrap();
    let mut runs: Vec<_> = policies(seed)
        .into_iter()
        .filter(|policy| ["shoal", other].contains(&policy.name()))
        .map(|mut policy| play(&story, policy.as_mut(), seed))
        .collect();
    let theirs = runs.pop().unwrap();
    (story, runs.pop().unwrap(), theirs)
}

#[test]
fn under_ten_times_the_load_a_learned_limit_keeps_the_work_going_and_quick() {
    for seed in 1..=3 {
        let (story, ours, loose) = limits("ten times the load", "fixed 1024", seed);
        assert!(ours.useful(&story) > 0.9, "{}", ours.useful(&story));
        assert!(ours.p99_ms(&story) < 250.0, "{}", ours.p99_ms(&story));
        assert!(loose.useful(&story) < 0.9, "{}", loose.useful(&story));
        assert!(loose.p99_ms(&story) > 450.0);
    }
}

#[test]
fn a_slow_dependency_and_a_changed_mixture_are_no_overload() {
    for seed in 1..=3 {
        for name in ["slow dependency", "mixture", "steady"] {
            let (story, ours, _) = limits(name, "Gradient2", seed);
            assert!(
                ours.useful(&story) > 0.93,
                "{name}: {}",
                ours.useful(&story)
            );
        }
    }
}

#[test]
fn a_bulk_job_is_refused_before_anybody_else_notices() {
    for seed in 1..=3 {
        let (story, ours, theirs) = limits("classes", "Gradient2", seed);
        let refused = |load: &Load, class| load.refused(&story, class).unwrap();
        assert!(refused(&ours, Class::Interactive) < 0.02);
        assert!(refused(&ours, Class::Batch) > 0.5);
        assert!(refused(&theirs, Class::Interactive) > 0.1);
    }
}
