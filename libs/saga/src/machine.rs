//! The rules of a saga, without I/O: `step(plan, state, event) -> (state, effects)`.
//!
//! The caller appends every [`Effect::Log`] and the new state durably, in one
//! transaction, before it carries out the other effects of the same answer. That
//! is all it takes for a crash at any point to be survivable: what is not in the
//! log has not begun, and what has begun is repeated, which idempotent steps allow.

use std::fmt;

/// What the rules need to know of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPlan {
    /// Stable name; it stands in the log, so a release must not change it.
    pub name: &'static str,
    /// Whether it has a compensation. One without leaves nothing to undo.
    pub has_undo: bool,
    /// Once it is done there is no way back: later steps are only ever retried.
    pub pivot: bool,
    /// Its compensation runs even when it is certain that the step had no effect.
    pub always_undone: bool,
}

/// The steps of a saga and how often each is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In order; never empty.
    pub steps: Vec<StepPlan>,
    /// Attempts of one step or compensation, the first included.
    pub max_attempts: u32,
}

/// Which way a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Doing.
    Forward,
    /// Undoing.
    Backward,
}

/// Where a saga stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Steps are being done or compensated.
    Active(Direction),
    /// Every step is done.
    Completed,
    /// Everything that was begun is compensated.
    Undone,
    /// Waits for a person, at the current step, in this direction.
    Parked(Direction),
}

/// The whole durable state of a saga, beside its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// Index of the current step.
    pub step: usize,
    /// Attempts of the current action that were begun.
    pub attempt: u32,
    /// An attempt is logged as begun and not as ended.
    pub running: bool,
    /// A forward attempt of the current step may have left something behind.
    pub dirty: bool,
}

/// What a failed attempt may have left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residue {
    /// Certainly nothing: it was refused, or never arrived.
    None,
    /// Unknown: it may have happened and only its answer was lost.
    Possible,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The saga begins, a pause is over, or a person has decided.
    Due,
    /// The running attempt ended well.
    Succeeded,
    /// The running attempt failed.
    Failed {
        /// Whether another attempt may help.
        transient: bool,
        /// What it may have left behind.
        residue: Residue,
    },
    /// The process that had the saga is gone; nobody knows how far the running
    /// attempt came.
    Interrupted,
    /// A person says: try the current action again, with fresh attempts. The
    /// next event is [`Event::Due`].
    Retry,
    /// A person says: the current action was done by hand. Unless that was the
    /// last one, the next event is [`Event::Due`].
    Skip,
}

/// What the log says, always about the current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An attempt begins.
    Started,
    /// An attempt ended well.
    Done,
    /// An attempt failed.
    Failed,
    /// An attempt was cut off by the end of its process.
    Interrupted,
    /// A person had the action tried again.
    Retried,
    /// A person had the action counted as done.
    Skipped,
    /// The saga waits for a person.
    Parked,
    /// Every step is done.
    Completed,
    /// Everything is compensated.
    Undone,
}

/// What to do next, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append to the durable log.
    Log {
        /// What is said.
        entry: Entry,
        /// About which direction of the step.
        direction: Direction,
        /// Index of the step.
        step: usize,
        /// Attempt, from 1; 0 where none is meant.
        attempt: u32,
    },
    /// Carry out the attempt that the state describes, then report how it ended.
    Run {
        /// Doing or undoing.
        direction: Direction,
        /// Index of the step.
        step: usize,
        /// Attempt, from 1.
        attempt: u32,
    },
    /// Wait before the retry with this number, from 1, then report [`Event::Due`].
    Pause {
        /// Which retry of the action comes next.
        retry: u32,
    },
    /// A compensation failed for good: count it, somebody must look.
    CompensationFailed {
        /// Index of the step.
        step: usize,
    },
    /// The saga has ended or is parked; let go of it.
    Stop,
}

/// An event that the state does not admit, a fault of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalEvent {
    /// Where the saga stood.
    pub state: State,
    /// What was reported.
    pub event: Event,
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "event {:?} does not fit a saga at {:?}",
            self.event, self.state
        )
    }
}

impl std::error::Error for IllegalEvent {}

impl State {
    /// A saga of which nothing has begun.
    pub const fn new() -> Self {
        Self {
            phase: Phase::Active(Direction::Forward),
            step: 0,
            attempt: 0,
            running: false,
            dirty: false,
        }
    }

    /// Whether nothing will happen any more without a person.
    pub const fn is_at_rest(&self) -> bool {
        !matches!(self.phase, Phase::Active(_))
    }

    const fn at(direction: Direction, step: usize) -> Self {
        Self {
            phase: Phase::Active(direction),
            step,
            attempt: 0,
            running: false,
            dirty: false,
        }
    }

    const fn log(&self, entry: Entry, direction: Direction) -> Effect {
        Effect::Log {
            entry,
            direction,
            step: self.step,
            attempt: self.attempt,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// Applies one event.
///
/// # Errors
/// When the state does not admit the event; the state is then unchanged.
pub fn step(plan: &Plan, state: State, event: Event) -> Result<(State, Vec<Effect>), IllegalEvent> {
    let mut out = Vec::new();
    let next = match (state.phase, event) {
        (Phase::Active(direction), Event::Due) if !state.running => {
            begin(state, direction, &mut out)
        }
        (Phase::Active(direction), Event::Interrupted) => {
            interrupted(plan, state, direction, &mut out)
        }
        (Phase::Active(direction), Event::Succeeded) if state.running => {
            out.push(state.log(Entry::Done, direction));
            match following(plan, state, direction) {
                Some(next) => begin(next, direction, &mut out),
                None => finish(state, direction, &mut out),
            }
        }
        (Phase::Active(direction), Event::Failed { transient, residue }) if state.running => {
            out.push(state.log(Entry::Failed, direction));
            failed(plan, state, direction, transient, residue, &mut out)
        }
        (Phase::Parked(direction), Event::Retry) => {
            out.push(state.log(Entry::Retried, direction));
            State {
                dirty: state.dirty,
                ..State::at(direction, state.step)
            }
        }
        (Phase::Parked(direction), Event::Skip) => {
            out.push(state.log(Entry::Skipped, direction));
            following(plan, state, direction).unwrap_or_else(|| finish(state, direction, &mut out))
        }
        _ => return Err(IllegalEvent { state, event }),
    };
    Ok((next, out))
}

fn begin(state: State, direction: Direction, out: &mut Vec<Effect>) -> State {
    let next = State {
        phase: Phase::Active(direction),
        attempt: state.attempt + 1,
        running: true,
        ..state
    };
    out.push(next.log(Entry::Started, direction));
    out.push(Effect::Run {
        direction,
        step: next.step,
        attempt: next.attempt,
    });
    next
}

fn interrupted(plan: &Plan, state: State, direction: Direction, out: &mut Vec<Effect>) -> State {
    if !state.running {
        return begin(state, direction, out);
    }
    // The attempt counts, lest an action that kills its process be repeated for ever.
    out.push(state.log(Entry::Interrupted, direction));
    if state.attempt < plan.max_attempts {
        let dirty = state.dirty || direction == Direction::Forward;
        return begin(
            State {
                running: false,
                dirty,
                ..state
            },
            direction,
            out,
        );
    }
    failed(plan, state, direction, true, Residue::Possible, out)
}

fn failed(
    plan: &Plan,
    state: State,
    direction: Direction,
    transient: bool,
    residue: Residue,
    out: &mut Vec<Effect>,
) -> State {
    let dirty = state.dirty || (direction == Direction::Forward && residue == Residue::Possible);
    let state = State {
        running: false,
        dirty,
        ..state
    };
    if transient && state.attempt < plan.max_attempts {
        out.push(Effect::Pause {
            retry: state.attempt,
        });
        return state;
    }
    match direction {
        Direction::Backward => {
            out.push(Effect::CompensationFailed { step: state.step });
            park(state, direction, out)
        }
        Direction::Forward if is_past_return(plan, state) => park(state, direction, out),
        Direction::Forward => {
            let own_too = dirty || plan.steps[state.step].always_undone;
            let from = state.step + usize::from(own_too);
            turn_back(plan, state, from, out)
        }
    }
}

/// There is no way back after a pivot, nor from a pivot that may have happened.
fn is_past_return(plan: &Plan, state: State) -> bool {
    plan.steps[..state.step].iter().any(|s| s.pivot)
        || (state.dirty && plan.steps[state.step].pivot)
}

fn park(state: State, direction: Direction, out: &mut Vec<Effect>) -> State {
    let next = State {
        phase: Phase::Parked(direction),
        running: false,
        ..state
    };
    out.push(next.log(Entry::Parked, direction));
    out.push(Effect::Stop);
    next
}

/// Where a saga goes when the current action is done; nowhere at its end.
fn following(plan: &Plan, state: State, direction: Direction) -> Option<State> {
    let step = match direction {
        Direction::Forward => Some(state.step + 1).filter(|next| *next < plan.steps.len()),
        Direction::Backward => last_undo(plan, state.step),
    };
    step.map(|step| State::at(direction, step))
}

/// Begins to compensate what lies before `end`.
fn turn_back(plan: &Plan, state: State, end: usize, out: &mut Vec<Effect>) -> State {
    match last_undo(plan, end) {
        Some(step) => begin(
            State::at(Direction::Backward, step),
            Direction::Backward,
            out,
        ),
        None => finish(state, Direction::Backward, out),
    }
}

/// The last step before `end` that has a compensation.
fn last_undo(plan: &Plan, end: usize) -> Option<usize> {
    plan.steps[..end].iter().rposition(|s| s.has_undo)
}

fn finish(state: State, direction: Direction, out: &mut Vec<Effect>) -> State {
    let (phase, entry) = match direction {
        Direction::Forward => (Phase::Completed, Entry::Completed),
        Direction::Backward => (Phase::Undone, Entry::Undone),
    };
    let next = State {
        phase,
        attempt: 0,
        running: false,
        dirty: false,
        ..state
    };
    out.push(next.log(entry, direction));
    out.push(Effect::Stop);
    next
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
