//! Every interleaving that a seed can think of, against a model of the world.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

const MAX_ATTEMPTS: u32 = 4;

fn plan(steps: &[StepPlan]) -> Plan {
    Plan {
        steps: steps.to_vec(),
        max_attempts: MAX_ATTEMPTS,
    }
}

fn undoable(name: &'static str) -> StepPlan {
    StepPlan {
        name,
        has_undo: true,
        pivot: false,
        always_undone: false,
    }
}

fn three() -> Plan {
    plan(&[
        undoable("a"),
        undoable("b"),
        StepPlan {
            name: "c",
            has_undo: false,
            pivot: true,
            always_undone: false,
        },
    ])
}

/// What one carried-out attempt does to the world and to its process.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Succeeds,
    SucceedsTwice,
    Refused,
    LostBefore,
    LostAfter,
    NeverSent,
    CrashBefore,
    CrashAfter,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Succeeds),
        1 => Just(Fate::SucceedsTwice),
        1 => Just(Fate::Refused),
        2 => Just(Fate::LostBefore),
        2 => Just(Fate::LostAfter),
        1 => Just(Fate::NeverSent),
        2 => Just(Fate::CrashBefore),
        2 => Just(Fate::CrashAfter),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let shape = (
        1usize..7,
        any::<u8>(),
        any::<u8>(),
        proptest::option::of(0usize..7),
    );
    shape.prop_map(|(n, undo, always, pivot)| {
        const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
        let steps = (0..n).map(|i| StepPlan {
            name: NAMES[i],
            has_undo: undo & (1 << i) != 0,
            pivot: pivot == Some(i),
            always_undone: always & (1 << i) != 0,
        });
        Plan {
            steps: steps.collect(),
            max_attempts: MAX_ATTEMPTS,
        }
    })
}

/// One line of the log: what, which way, step, attempt.
type Said = (Entry, Direction, usize, u32);

/// The durable part (state and log) and the world outside that steps change.
struct World<'a> {
    plan: &'a Plan,
    state: State,
    log: Vec<Said>,
    applied: Vec<bool>,
    undone: Vec<usize>,
    failed_compensations: usize,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            state: State::new(),
            log: Vec::new(),
            applied: vec![false; plan.steps.len()],
            undone: Vec::new(),
            failed_compensations: 0,
        }
    }

    /// Takes an event, commits, and gives the event that follows, if any.
    fn deliver(&mut self, event: Event, fates: &mut dyn Iterator<Item = Fate>) -> Option<Event> {
        let (next, effects) = step(self.plan, self.state, event).expect("legal");
        self.state = next;
        let mut follow = None;
        for effect in effects {
            match effect {
                Effect::Log {
                    entry,
                    direction,
                    step,
                    attempt,
                } => {
                    assert!(follow.is_none(), "the log comes before what it speaks of");
                    self.log.push((entry, direction, step, attempt));
                }
                Effect::Run {
                    direction,
                    step,
                    attempt,
                } => {
                    assert!(attempt <= MAX_ATTEMPTS);
                    assert_eq!(
                        self.log.last(),
                        Some(&(Entry::Started, direction, step, attempt)),
                        "an attempt is in the log before it runs"
                    );
                    follow = Some(self.carry_out(
                        direction,
                        step,
                        fates.next().unwrap_or(Fate::Succeeds),
                    ));
                }
                Effect::Pause { retry } => {
                    assert!((1..MAX_ATTEMPTS).contains(&retry));
                    follow = Some(Event::Due);
                }
                Effect::CompensationFailed { .. } => self.failed_compensations += 1,
                Effect::Stop => assert!(self.state.is_at_rest()),
            }
        }
        follow
    }

    fn carry_out(&mut self, direction: Direction, step: usize, fate: Fate) -> Event {
        let happens = matches!(
            fate,
            Fate::Succeeds | Fate::SucceedsTwice | Fate::LostAfter | Fate::CrashAfter
        );
        if happens {
            // Steps are idempotent: setting a flag twice is setting it once.
            self.applied[step] = direction == Direction::Forward;
            if direction == Direction::Backward && self.undone.last() != Some(&step) {
                self.undone.push(step);
            }
        }
        match fate {
            Fate::Succeeds | Fate::SucceedsTwice => Event::Succeeded,
            Fate::Refused => Event::Failed {
                transient: false,
                residue: Residue::None,
            },
            Fate::NeverSent => Event::Failed {
                transient: true,
                residue: Residue::None,
            },
            Fate::LostBefore | Fate::LostAfter => Event::Failed {
                transient: true,
                residue: Residue::Possible,
            },
            Fate::CrashBefore | Fate::CrashAfter => Event::Interrupted,
        }
    }

    fn run(&mut self, mut event: Event, fates: &mut dyn Iterator<Item = Fate>) {
        for _ in 0..500 {
            match self.deliver(event, fates) {
                Some(next) => event = next,
                None if self.state.is_at_rest() => return,
                None => event = Event::Due,
            }
        }
        panic!("a saga must come to rest");
    }

    fn check_end(&self) {
        match self.state.phase {
            Phase::Completed => assert!(self.applied.iter().all(|a| *a), "complete"),
            Phase::Undone => {
                for (step, applied) in self.plan.steps.iter().zip(&self.applied) {
                    let nothing_to_undo = !step.has_undo && !step.pivot;
                    assert!(nothing_to_undo || !applied, "wholly undone: {}", step.name);
                }
                for (index, step) in self.plan.steps.iter().enumerate() {
                    let begun = self
                        .log
                        .iter()
                        .any(|l| (l.0, l.2) == (Entry::Started, index));
                    let owed = begun && step.has_undo && step.always_undone;
                    assert!(
                        !owed || self.undone.contains(&index),
                        "undone although clean"
                    );
                }
                assert!(
                    self.undone.windows(2).all(|w| w[0] > w[1]),
                    "in reverse order"
                );
            }
            other => panic!("not an end: {other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_fails_crashes_or_repeats_a_saga_ends_complete_or_wholly_undone_or_parked(
        plan in any_plan(),
        fates in proptest::collection::vec(fate(), 0..60),
    ) {
        let mut world = World::new(&plan);
        let mut fates = fates.into_iter();
        world.run(Event::Due, &mut fates);
        if let Phase::Parked(direction) = world.state.phase {
            let past_return = plan.steps[..=world.state.step].iter().any(|s| s.pivot);
            prop_assert!(direction == Direction::Backward || past_return);
            prop_assert_eq!(world.failed_compensations, usize::from(direction == Direction::Backward));
            // A person mends the cause; from then on every attempt succeeds.
            world.run(Event::Retry, &mut std::iter::empty());
        }
        world.check_end();
    }

    #[test]
    fn a_saga_whose_attempts_all_succeed_completes_with_one_attempt_each(plan in any_plan()) {
        let mut world = World::new(&plan);
        world.run(Event::Due, &mut std::iter::empty());
        prop_assert_eq!(world.state.phase, Phase::Completed);
        let starts = world.log.iter().filter(|e| e.0 == Entry::Started).count();
        prop_assert_eq!(starts, plan.steps.len());
    }

    #[test]
    fn an_event_that_does_not_fit_is_refused(plan in any_plan(), steps in 0usize..12) {
        let mut world = World::new(&plan);
        let mut event = Event::Due;
        for _ in 0..steps {
            match world.deliver(event, &mut std::iter::empty()) {
                Some(next) => event = next,
                None => break,
            }
        }
        let wrong = if world.state.running { Event::Due } else { Event::Succeeded };
        prop_assert!(step(&plan, world.state, wrong).is_err());
    }
}

fn run_with(plan: &Plan, fates: &[Fate]) -> (State, Vec<Said>, usize) {
    let mut world = World::new(plan);
    world.run(Event::Due, &mut fates.iter().copied());
    (world.state, world.log, world.failed_compensations)
}

#[test]
fn a_refused_step_is_not_retried_and_what_came_before_is_undone_in_reverse() {
    let plan = plan(&[undoable("a"), undoable("b"), undoable("c")]);
    let (state, log, _) = run_with(&plan, &[Fate::Succeeds, Fate::Succeeds, Fate::Refused]);
    assert_eq!(state.phase, Phase::Undone);
    let undone: Vec<usize> = log
        .iter()
        .filter(|e| (e.0, e.1) == (Entry::Done, Direction::Backward))
        .map(|e| e.2)
        .collect();
    assert_eq!(
        undone,
        [1, 0],
        "the refused step itself left nothing to undo"
    );
}

#[test]
fn a_step_whose_answer_was_lost_is_compensated_too() {
    let plan = plan(&[undoable("a"), undoable("b")]);
    let (state, log, _) = run_with(
        &plan,
        &[
            Fate::Succeeds,
            Fate::LostAfter,
            Fate::LostBefore,
            Fate::LostBefore,
            Fate::LostBefore,
        ],
    );
    assert_eq!(state.phase, Phase::Undone);
    assert!(log.contains(&(Entry::Started, Direction::Backward, 1, 1)));
}

#[test]
fn one_lost_answer_is_remembered_when_a_later_attempt_is_refused() {
    let plan = plan(&[undoable("a")]);
    let (_, log, _) = run_with(&plan, &[Fate::LostAfter, Fate::Refused]);
    assert!(log.contains(&(Entry::Done, Direction::Backward, 0, 1)));
}

#[test]
fn a_step_is_tried_four_times_and_no_more() {
    let (state, log, _) = run_with(&three(), &[Fate::NeverSent; 4]);
    assert_eq!(state.phase, Phase::Undone);
    assert_eq!(log.iter().filter(|e| e.0 == Entry::Failed).count(), 4);
}

#[test]
fn an_action_that_kills_its_process_every_time_is_given_up() {
    let plan = plan(&[undoable("a")]);
    let (state, log, failed) = run_with(&plan, &[Fate::CrashBefore; 8]);
    assert_eq!(state.phase, Phase::Parked(Direction::Backward));
    assert_eq!(log.iter().filter(|e| e.0 == Entry::Interrupted).count(), 8);
    assert_eq!(failed, 1);
}

#[test]
fn after_the_pivot_there_is_no_way_back() {
    let mut steps = three().steps;
    steps.push(undoable("d"));
    let plan = plan(&steps);
    let ok = Fate::Succeeds;
    let (state, log, failed) = run_with(&plan, &[ok, ok, ok, Fate::Refused]);
    assert_eq!(state.phase, Phase::Parked(Direction::Forward));
    assert!(log.iter().all(|e| e.1 == Direction::Forward));
    assert_eq!(failed, 0);
}

#[test]
fn a_person_may_count_a_parked_compensation_as_done() {
    let plan = plan(&[undoable("a"), undoable("b")]);
    let mut world = World::new(&plan);
    let fates = [
        Fate::Succeeds,
        Fate::LostAfter,
        Fate::Refused,
        Fate::Refused,
    ];
    world.run(Event::Due, &mut fates.into_iter());
    assert_eq!(world.state.phase, Phase::Parked(Direction::Backward));
    world.run(Event::Skip, &mut std::iter::empty());
    assert_eq!(world.state.phase, Phase::Undone);
    assert_eq!(world.log.last().map(|e| e.0), Some(Entry::Undone));
}
