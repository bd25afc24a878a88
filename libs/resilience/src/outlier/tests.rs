#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Mutex as StdMutex;

use super::*;

/// Instances under a clock that the test moves.
struct Scene {
    outliers: Outliers,
    seats: Vec<Arc<Seat>>,
    events: Arc<StdMutex<Vec<OutlierEvent>>>,
    now: Duration,
    next: usize,
}

/// What an instance does with a call.
#[derive(Clone, Copy)]
enum Does {
    Well,
    Late,
    Fails,
    /// Of so many calls one.
    FailsOneIn(usize),
    Refuses,
}

impl Scene {
    fn of(instances: usize) -> Self {
        let events: Arc<StdMutex<Vec<_>>> = Arc::default();
        let told = Arc::clone(&events);
        let outliers = Outliers::new(OutlierSettings::default(), 1, move |event| {
            told.lock().unwrap().push(event.clone());
        });
        let seats = (0..instances)
            .map(|n| outliers.seat(&format!("i{n}")))
            .collect();
        Self {
            outliers,
            seats,
            events,
            now: Duration::from_secs(1),
            next: 0,
        }
    }

    /// So many calls, one each 2 ms, in turn over those that take calls; gives
    /// how many each instance got.
    fn calls(&mut self, count: usize, does: impl Fn(usize) -> Does) -> Vec<usize> {
        let mut got = vec![0; self.seats.len()];
        for n in 0..count {
            self.now += Duration::from_millis(2);
            let awake: Vec<_> = (0..self.seats.len())
                .filter(|at| self.seats[*at].takes_calls(self.now))
                .collect();
            self.next += 1;
            let at = awake.get(self.next % awake.len().max(1)).copied();
            let at = at.unwrap_or(self.next % self.seats.len());
            got[at] += 1;
            let turn = self.seats[at].begin(self.now);
            match does(at) {
                Does::Well => turn.answered(false, self.now),
                Does::Late => turn.answered(true, self.now),
                Does::Fails => turn.failed(self.now),
                Does::FailsOneIn(all) if (n / self.seats.len()).is_multiple_of(all) => {
                    turn.failed(self.now);
                }
                Does::FailsOneIn(_) => turn.answered(false, self.now),
                Does::Refuses => turn.unreachable(self.now),
            }
        }
        got
    }

    fn left_out(&self) -> Vec<String> {
        let report = self.outliers.report(self.now);
        let out = report.into_iter().filter(|one| one.left_out.is_some());
        out.map(|one| one.address).collect()
    }

    fn causes(&self) -> Vec<Option<OutlierCause>> {
        self.events
            .lock()
            .unwrap()
            .iter()
            .map(|e| e.cause)
            .collect()
    }
}

fn first(is: Does) -> impl Fn(usize) -> Does {
    move |at| if at == 0 { is } else { Does::Well }
}

#[test]
fn one_that_fails_is_left_out_after_a_handful_of_calls() {
    let mut scene = Scene::of(3);
    scene.calls(90, |_| Does::Well);
    let got = scene.calls(60, first(Does::Fails));
    assert!((3..=6).contains(&got[0]), "{got:?}");
    assert_eq!(scene.left_out(), ["i0"]);
    assert_eq!(scene.causes(), [Some(OutlierCause::Failing)]);
}

#[test]
fn one_that_fails_from_the_very_start_needs_few_more() {
    let mut scene = Scene::of(3);
    let got = scene.calls(90, first(Does::Fails));
    assert!((3..=9).contains(&got[0]), "{got:?}");
}

#[test]
fn one_that_fails_often_but_not_always_is_found_in_its_share() {
    let mut scene = Scene::of(3);
    scene.calls(300, |_| Does::Well);
    scene.calls(600, first(Does::FailsOneIn(3)));
    assert_eq!(scene.left_out(), ["i0"]);
}

#[test]
fn when_all_fail_alike_none_is_worse_than_the_others() {
    let mut scene = Scene::of(4);
    scene.calls(400, |_| Does::Well);
    scene.calls(2_000, |_| Does::FailsOneIn(4));
    assert_eq!(scene.causes(), []);
    scene.calls(2_000, |_| Does::Fails);
    assert!(scene.left_out().len() <= 2, "{:?}", scene.left_out());
}

#[test]
fn never_more_than_half_and_never_the_last() {
    let mut scene = Scene::of(6);
    scene.calls(120, |_| Does::Well);
    scene.calls(600, |at| if at < 3 { Does::Fails } else { Does::Well });
    assert_eq!(scene.left_out(), ["i0", "i1", "i2"]);
    scene.calls(600, |at| if at < 4 { Does::Fails } else { Does::Well });
    assert_eq!(scene.left_out(), ["i0", "i1", "i2"]);

    let mut alone = Scene::of(1);
    alone.calls(50, |_| Does::Fails);
    assert_eq!(alone.causes(), []);
}

#[test]
fn any_number_that_cannot_be_reached_rests_and_one_answer_brings_each_back() {
    let mut scene = Scene::of(3);
    let refuse = |at| if at < 2 { Does::Refuses } else { Does::Well };
    let got = scene.calls(50, refuse);
    assert_eq!(got[..2], [1, 1], "{got:?}");
    assert_eq!(scene.left_out(), ["i0", "i1"]);
    scene.now += Duration::from_millis(300);
    scene.calls(20, |_| Does::Well);
    assert_eq!(scene.left_out(), [""; 0]);
}

#[test]
fn one_that_is_slow_for_seconds_is_left_out_and_a_pause_is_forgiven() {
    let mut scene = Scene::of(3);
    scene.calls(1_000, |_| Does::Well);
    // 400 ms in which one is late with everything.
    scene.calls(200, first(Does::Late));
    scene.calls(1_000, |_| Does::Well);
    assert_eq!(scene.causes(), []);
    scene.calls(2_000, first(Does::Late));
    assert_eq!(scene.causes().first(), Some(&Some(OutlierCause::Slow)));
    assert_eq!(scene.left_out(), ["i0"]);
    assert!(scene.calls(50, first(Does::Late))[0] <= 2);
}

#[test]
fn when_all_are_slow_none_is() {
    let mut scene = Scene::of(3);
    scene.calls(1_000, |_| Does::Well);
    scene.calls(6_000, |_| Does::Late);
    assert_eq!(scene.causes(), []);
}

#[test]
fn rests_double_while_trials_fail_and_a_few_good_trials_end_them() {
    let mut scene = Scene::of(3);
    scene.calls(90, |_| Does::Well);
    scene.calls(20_000, first(Does::Fails));
    let rests: Vec<_> = scene
        .events
        .lock()
        .unwrap()
        .iter()
        .map(|e| e.rest)
        .collect();
    assert!(rests.len() >= 6, "{rests:?}");
    // Each is varied by a fifth, so every second one is longer by far.
    assert!(
        rests.windows(3).all(|three| three[2] > three[0] * 2),
        "{rests:?}"
    );
    let spent = scene.outliers.report(scene.now)[0].ejections;
    assert_eq!(spent, rests.len() as u64);

    scene.now += Duration::from_secs(60);
    let got = scene.calls(30, |_| Does::Well);
    assert!(got[0] >= 5, "{got:?}");
    assert_eq!(scene.left_out(), [""; 0]);
    assert_eq!(scene.causes().last(), Some(&None));
}

#[test]
fn trials_go_one_at_a_time() {
    let mut scene = Scene::of(2);
    scene.calls(40, |_| Does::Well);
    scene.calls(30, first(Does::Fails));
    assert_eq!(scene.left_out(), ["i0"]);
    scene.now += Duration::from_secs(1);
    let seat = Arc::clone(&scene.seats[0]);
    assert!(seat.takes_calls(scene.now));
    let trial = seat.begin(scene.now);
    assert!(!seat.takes_calls(scene.now));
    drop(trial);
    assert!(seat.takes_calls(scene.now));
}

#[test]
fn silence_counts_only_while_others_speak() {
    let mut scene = Scene::of(3);
    scene.calls(30, |_| Does::Well);
    let begun = scene.now;
    let waiting = scene.seats[0].begin(begun);
    scene.now += Duration::from_secs(1);
    waiting.overdue(scene.now);
    assert_eq!(scene.causes(), [], "nobody answered");
    scene.seats[1].begin(scene.now).answered(false, scene.now);
    waiting.overdue(scene.now);
    assert_eq!(scene.causes(), [Some(OutlierCause::Silent)]);
    // Its late answer to an earlier call is no sign of life after the fact; one
    // to a trial is.
    waiting.answered(true, scene.now);
    assert_eq!(scene.left_out(), ["i0"]);
    scene.now += Duration::from_secs(1);
    scene.seats[0].begin(scene.now).answered(false, scene.now);
    assert_eq!(scene.left_out(), [""; 0]);
}

#[test]
fn only_an_answer_brings_back_who_was_silent_or_away() {
    for cause in [OutlierCause::Silent, OutlierCause::Unreachable] {
        let mut scene = Scene::of(3);
        scene.calls(30, |_| Does::Well);
        let seat = Arc::clone(&scene.seats[0]);
        let lost = seat.begin(scene.now);
        scene.now += Duration::from_secs(1);
        scene.seats[1].begin(scene.now).answered(false, scene.now);
        match cause {
            OutlierCause::Silent => lost.overdue(scene.now),
            _ => lost.unreachable(scene.now),
        }
        assert_eq!(scene.causes(), [Some(cause)]);
        // A trial that is given up tells nothing, one that runs out of time does.
        scene.now += Duration::from_secs(1);
        seat.begin(scene.now).late(scene.now);
        assert_eq!(scene.causes(), [Some(cause)]);
        seat.begin(scene.now).unanswered(scene.now);
        assert_eq!(scene.causes(), [Some(cause), Some(cause)]);
        let rests: Vec<_> = scene
            .events
            .lock()
            .unwrap()
            .iter()
            .map(|e| e.rest)
            .collect();
        // Each is varied by a fifth.
        assert!(rests[1] > rests[0].mul_f64(4.0 / 3.0 - 0.01), "{rests:?}");
        assert!(!seat.takes_calls(scene.now));
        scene.now += Duration::from_secs(1);
        seat.begin(scene.now).failed(scene.now);
        assert_eq!(
            scene.left_out(),
            [""; 0],
            "what it answers is another matter"
        );
    }
}

#[test]
fn trials_that_nobody_waits_for_are_no_proof_of_health() {
    let mut scene = Scene::of(2);
    scene.calls(40, |_| Does::Well);
    scene.calls(30, first(Does::Fails));
    scene.now += Duration::from_secs(1);
    for _ in 0..20 {
        scene.seats[0].begin(scene.now).late(scene.now);
    }
    assert_eq!(scene.left_out(), ["i0"]);
}

#[test]
fn what_was_before_a_quiet_hour_counts_no_more() {
    // As many failures as are not yet enough, of them none after another.
    let often = |scene: &mut Scene| scene.calls(36, first(Does::FailsOneIn(2)));
    let mut scene = Scene::of(3);
    scene.calls(90, |_| Does::Well);
    often(&mut scene);
    scene.now += Duration::from_secs(3_600);
    let of_all = |scene: &Scene| {
        let report = scene.outliers.report(scene.now);
        report.iter().map(|one| one.calls.all).sum::<u64>()
    };
    assert_eq!(of_all(&scene), 0);
    often(&mut scene);
    assert_eq!(of_all(&scene), 36);
    assert_eq!(scene.causes(), []);
    // Soon after each other they are enough.
    often(&mut scene);
    assert_eq!(scene.causes(), [Some(OutlierCause::Failing)]);
}

#[test]
fn the_last_ten_seconds_end_after_ten_seconds_however_rare_the_calls_are() {
    let mut scene = Scene::of(2);
    for _ in 0..20 {
        scene.calls(2, |_| Does::Late);
        scene.now += Duration::from_secs(4);
    }
    let calls = scene.outliers.report(scene.now)[0].calls;
    assert!((2..=3).contains(&calls.all), "{calls:?}");
    // Nobody waits for its answers any more, and still time passes.
    for _ in 0..20 {
        scene.seats[0].begin(scene.now).late(scene.now);
        scene.now += Duration::from_secs(4);
    }
    let report = scene.outliers.report(scene.now);
    assert!((2..=3).contains(&report[0].calls.late), "{report:?}");
    assert_eq!(report[1].calls.all, 0);
}

#[test]
fn an_instance_that_answers_something_else_meanwhile_is_not_silent() {
    let mut scene = Scene::of(2);
    scene.calls(10, |_| Does::Well);
    let report = scene.seats[0].begin(scene.now);
    scene.now += Duration::from_secs(1);
    scene.seats[0].begin(scene.now).answered(false, scene.now);
    scene.seats[1].begin(scene.now).answered(false, scene.now);
    report.overdue(scene.now);
    assert_eq!(scene.causes(), []);
}

#[test]
fn a_seat_belongs_to_its_group_for_as_long_as_somebody_holds_it() {
    let scene = Scene::of(2);
    assert!(Arc::ptr_eq(&scene.seats[0], &scene.outliers.seat("i0")));
    drop(scene.seats);
    assert_eq!(scene.outliers.report(Duration::ZERO).len(), 0);
}

#[test]
fn switched_off_it_only_rests_who_cannot_be_reached() {
    let mut scene = Scene::of(3);
    let settings = OutlierSettings {
        enabled: false,
        ..OutlierSettings::default()
    };
    scene.outliers = Outliers::new(settings, 1, |_| ());
    scene.seats = (0..3)
        .map(|n| scene.outliers.seat(&format!("i{n}")))
        .collect();
    scene.calls(300, first(Does::Fails));
    assert_eq!(scene.left_out(), [""; 0]);
    scene.calls(3, first(Does::Refuses));
    assert_eq!(scene.left_out(), ["i0"]);
}
