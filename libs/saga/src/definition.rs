//! What a service writes: a typed list of steps, each a plain async function.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shoal_error::{Error, ProblemDetails};

use crate::failure::Failure;
use crate::log::Line;
use crate::machine::{Direction, Effect, Entry, Plan, StepPlan};

/// How long one attempt may take unless the step says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A sequence of steps that is done as a whole or undone as a whole.
///
/// The implementing type holds what the steps work with (store, clients).
pub trait Saga: Send + Sync + Sized + 'static {
    /// Stable name; stands in the log and in metrics.
    const NAME: &'static str;

    /// What the steps know and hand on. Kept as JSON in the log: fields may be
    /// added with a default, never renamed while sagas are under way.
    type Data: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The steps in order.
    fn steps(&self) -> Vec<Step<Self>>;
}

/// What a step is told beside the data.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// `sga_` id of the saga.
    pub saga_id: String,
    /// Attempt, from 1.
    pub attempt: u32,
    key: String,
    cause: Option<ProblemDetails>,
}

impl StepContext {
    /// Same for every attempt of this step of this saga and for no other, the
    /// compensation's being its own: what idempotent receivers want.
    pub fn idempotency_key(&self) -> &str {
        &self.key
    }

    /// Why the saga turned back; for compensations.
    pub fn cause(&self) -> Option<Error> {
        self.cause.clone().map(Error::from_problem)
    }

    pub(crate) fn new(saga_id: &str, step: &str, direction: Direction, attempt: u32) -> Self {
        let undo = if direction == Direction::Backward {
            ".undo"
        } else {
            ""
        };
        let key = format!("{saga_id}.{step}{undo}");
        Self {
            saga_id: saga_id.to_owned(),
            attempt,
            key,
            cause: None,
        }
    }

    pub(crate) fn because(self, cause: Option<ProblemDetails>) -> Self {
        Self { cause, ..self }
    }
}

type Action<S> = Arc<
    dyn Fn(Arc<S>, StepContext, <S as Saga>::Data) -> BoxFuture<'static, StepResult<S>>
        + Send
        + Sync,
>;

type StepResult<S> = Result<<S as Saga>::Data, Failure>;

/// One step: what it does, and what undoes it.
///
/// Both must be idempotent: after a crash they run again under the same
/// [`StepContext::idempotency_key`]. A compensation must also succeed when the
/// step never happened, and bar it from happening late.
pub struct Step<S: Saga> {
    plan: StepPlan,
    action: Action<S>,
    undo: Option<Action<S>>,
    timeout: Duration,
}

impl<S: Saga> Step<S> {
    /// A step without compensation. The function takes the data and gives it back,
    /// changed or not.
    pub fn new<F, Fut>(name: &'static str, action: F) -> Self
    where
        F: Fn(Arc<S>, StepContext, S::Data) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = StepResult<S>> + Send + 'static,
    {
        Self {
            plan: StepPlan {
                name,
                has_undo: false,
                pivot: false,
                always_undone: false,
            },
            action: boxed(action),
            undo: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Says how the step is undone.
    #[must_use]
    pub fn undo<F, Fut>(mut self, undo: F) -> Self
    where
        F: Fn(Arc<S>, StepContext, S::Data) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = StepResult<S>> + Send + 'static,
    {
        self.plan.has_undo = true;
        self.undo = Some(boxed(undo));
        self
    }

    /// Says that there is no way back once this step is done: what follows is
    /// retried, and parked for a person when that does not help.
    #[must_use]
    pub fn pivot(mut self) -> Self {
        self.plan.pivot = true;
        self
    }

    /// Says that the compensation runs whenever the step was begun, even when it is
    /// certain that the step had no effect; for what the start of the saga itself
    /// has left behind.
    #[must_use]
    pub fn always_undone(mut self) -> Self {
        self.plan.always_undone = true;
        self
    }

    /// Bounds one attempt of the step or of its compensation; 5 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

fn boxed<S, F, Fut>(action: F) -> Action<S>
where
    S: Saga,
    F: Fn(Arc<S>, StepContext, S::Data) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = StepResult<S>> + Send + 'static,
{
    Arc::new(move |saga, context, data| action(saga, context, data).boxed())
}

/// A saga whose types the runner need not know.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
    pub(crate) timeouts: Vec<Duration>,
    run: RunErased,
}

type RunErased = Box<
    dyn Fn(Direction, usize, StepContext, Value) -> BoxFuture<'static, Result<Value, Failure>>
        + Send
        + Sync,
>;

impl Definition {
    pub(crate) fn of<S: Saga>(saga: S, max_attempts: u32) -> Self {
        let steps = saga.steps();
        let saga = Arc::new(saga);
        Self {
            name: S::NAME,
            plan: Plan {
                steps: steps.iter().map(|s| s.plan).collect(),
                max_attempts,
            },
            timeouts: steps.iter().map(|s| s.timeout).collect(),
            run: Box::new(move |direction, index, context, data| {
                run_typed(Arc::clone(&saga), &steps[index], direction, context, data)
            }),
        }
    }

    /// One attempt of a step (forward) or of its compensation (backward).
    pub(crate) fn run(
        &self,
        direction: Direction,
        step: usize,
        context: StepContext,
        data: Value,
    ) -> BoxFuture<'static, Result<Value, Failure>> {
        (self.run)(direction, step, context, data)
    }

    /// The lines of the log that the effects ask for; `detail` goes with failures.
    pub(crate) fn lines(&self, effects: &[Effect], detail: &str) -> Vec<Line> {
        let lines = effects.iter().filter_map(|effect| match *effect {
            Effect::Log {
                entry,
                direction,
                step,
                attempt,
            } => Some(Line {
                entry,
                direction,
                step: self.plan.steps[step].name.to_owned(),
                attempt,
                detail: if entry == Entry::Failed {
                    detail.to_owned()
                } else {
                    String::new()
                },
            }),
            _ => None,
        });
        lines.collect()
    }

    pub(crate) fn step_index(&self, name: &str) -> Option<usize> {
        self.plan.steps.iter().position(|s| s.name == name)
    }
}

fn run_typed<S: Saga>(
    saga: Arc<S>,
    step: &Step<S>,
    direction: Direction,
    context: StepContext,
    data: Value,
) -> BoxFuture<'static, Result<Value, Failure>> {
    let action = match direction {
        Direction::Forward => Some(Arc::clone(&step.action)),
        Direction::Backward => step.undo.clone(),
    };
    async move {
        let Some(action) = action else {
            return Ok(data);
        };
        // Data that cannot be read is for a person: no retry will mend it.
        let unreadable = |e: serde_json::Error| Failure::permanent(Error::internal(e));
        let typed = serde_json::from_value::<S::Data>(data).map_err(unreadable)?;
        let next = action(saga, context, typed).await?;
        serde_json::to_value(next).map_err(unreadable)
    }
    .boxed()
}
