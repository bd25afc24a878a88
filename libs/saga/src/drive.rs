//! Carries sagas out: takes them from the queue or from owners that are gone,
//! asks the rules what comes next, logs it, does it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::Value;
use shoal_context::{Class, Context, Metadata};
use shoal_error::{Error, Result};
use shoal_task::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::chance::{seed_of, unit};
use crate::definition::{Definition, StepContext};
use crate::failure::Failure;
use crate::letters::SAGAS;
use crate::log::{self, Record};
use crate::machine::{self, Direction, Effect, Event, Phase, State};
use crate::metrics::outcome_name;
use crate::runner::Inner;

/// Longest text of a failure in the log.
const MAX_DETAIL: usize = 1_000;

pub(crate) fn start(inner: &Arc<Inner>, queue: Receiver<String>) {
    let places = usize::try_from(inner.settings.max_running).unwrap_or(usize::MAX);
    let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
    let dispatcher = dispatch(Arc::clone(inner), queue, Arc::clone(&places));
    drop(inner.scope.spawn_detached_context("dispatcher", dispatcher));
    let claimer = crate::claim::run(Arc::clone(inner), places);
    drop(inner.scope.spawn_detached_context("claimer", claimer));
}

/// Gives each queued saga a task as soon as there is a place.
async fn dispatch(inner: Arc<Inner>, mut queue: Receiver<String>, places: Arc<Semaphore>) {
    let next = async |queue: &mut Receiver<String>| {
        // In this order: an idle dispatcher must not hold a place.
        let id = queue.recv().await?;
        Some((id, Arc::clone(&places).acquire_owned().await.ok()?))
    };
    loop {
        let taken = tokio::select! {
            () = inner.scope.cancelled() => return,
            taken = next(&mut queue) => taken,
        };
        let Some((id, place)) = taken else { return };
        drop(
            inner
                .scope
                .spawn_detached_context("saga", carry_out(Arc::clone(&inner), id, place)),
        );
    }
}

async fn carry_out(inner: Arc<Inner>, id: String, _place: OwnedSemaphorePermit) {
    let Some(_active) = inner.enter(&id) else {
        return;
    };
    if let Err(error) = resume(&inner, &id).await {
        // The lease ends and somebody tries again.
        tracing::warn!(saga.id = id, "saga left for later: {}", error.report());
    }
}

async fn resume(inner: &Arc<Inner>, id: &str) -> Result<()> {
    let mut conn = inner.store.read().await?;
    let record = log::load(&mut conn, id).await?;
    drop(conn);
    let Some(record) = record else { return Ok(()) };
    if record.owner != inner.owner || !matches!(record.phase, Phase::Active(_)) {
        return Ok(());
    }
    if !has_time(inner, &record).await? {
        return Ok(());
    }
    let Some(definition) = inner.definitions.get(record.name.as_str()) else {
        return Err(Error::internal(format!(
            "saga {} is unknown here",
            record.name
        )));
    };
    let Some(index) = definition.step_index(&record.step) else {
        let place = format!("{}.{}", record.name, record.step);
        return Err(Error::internal(format!(
            "saga step {place} is unknown here"
        )));
    };
    let span = span_of(&record);
    let mut context = Context::new(Metadata::from_map(&record.context), None);
    if record.revision > 0 {
        // Whoever asked for it has had an answer by now.
        context = context.lowered_to(Class::Internal);
    }
    let run = Run {
        inner,
        definition,
        record,
        index,
        detail: String::new(),
        slow: false,
    };
    context.attach(run.until_it_rests()).instrument(span).await
}

/// Whether the saga is still ours and will be for a while: one that has waited in
/// the queue may be about to be claimed by another instance.
async fn has_time(inner: &Inner, record: &Record) -> Result<bool> {
    let now = inner.clock.now_ms();
    let until = inner.lease_from(now);
    if record.lease_until - now > (until - now) / 2 {
        return Ok(true);
    }
    log::prolong(&inner.store, record, until).await
}

/// The saga's span, a child of the request that started it, in this process or
/// in one that is gone.
fn span_of(record: &Record) -> Span {
    let span = tracing::info_span!(
        "saga",
        otel.name = format!("saga {}", record.name),
        saga.id = record.id,
        saga.name = record.name,
        saga.subject = record.subject,
        saga.resumed = record.revision > 0,
        saga.outcome = tracing::field::Empty,
        saga.slow = tracing::field::Empty,
        gray.version = record.context.get(shoal_context::GRAY_VERSION.as_str()),
    );
    let _ = span.set_parent(shoal_telemetry::propagate::extract_map(&record.context));
    span
}

/// One saga on its way.
struct Run<'a> {
    inner: &'a Arc<Inner>,
    definition: &'a Definition,
    record: Record,
    index: usize,
    /// What the log says about the event that is being taken in.
    detail: String,
    slow: bool,
}

/// Somebody else has the saga now, or the process ends: let go of it.
struct LetGo;

impl Run<'_> {
    async fn until_it_rests(mut self) -> Result<()> {
        let mut event = match self.first_event().await {
            Ok(event) => event,
            Err(LetGo) => return Ok(()),
        };
        loop {
            let state = self.record.state(self.index);
            let (next, effects) =
                machine::step(&self.definition.plan, state, event).map_err(Error::internal)?;
            if !self.append(next, &effects).await? {
                return Ok(());
            }
            let follow_up = self.follow(&effects).await;
            match follow_up {
                Ok(Some(next)) => event = next,
                Ok(None) | Err(LetGo) => return Ok(()),
            }
        }
    }

    /// A fresh saga's first attempt is in the log and nobody has begun it; what
    /// was running under another owner was interrupted.
    async fn first_event(&mut self) -> Result<Event, LetGo> {
        if self.record.revision == 0 {
            // Nothing has begun, so there is nothing that this could fail.
            let _ = self.inner.faults.at(&[self.definition.name, "begin"]);
            return self
                .attempt(Direction::Forward, self.index, self.record.attempt)
                .await;
        }
        if self.record.running {
            self.inner.metrics.resumed(self.definition.name);
            return Ok(Event::Interrupted);
        }
        Ok(Event::Due)
    }

    /// Logs what is about to happen, before it happens.
    async fn append(&mut self, state: State, effects: &[Effect]) -> Result<bool> {
        let detail = std::mem::take(&mut self.detail);
        let lines = self.definition.lines(effects, &detail);
        self.index = state.step;
        self.record
            .set_state(state, self.definition.plan.steps[state.step].name);
        let now = self.inner.clock.now_ms();
        self.mark_if_slow(now);
        let lease = if state.is_at_rest() {
            0
        } else {
            self.inner.lease_from(now)
        };
        let kept = log::append(&self.inner.store, &self.record, &lines, lease, now).await?;
        self.record.revision += 1;
        self.record.logged += i64::try_from(lines.len()).unwrap_or(0);
        self.record.updated_at = now;
        Ok(kept)
    }

    async fn follow(&mut self, effects: &[Effect]) -> Result<Option<Event>, LetGo> {
        for effect in effects {
            match *effect {
                Effect::Log { .. } => {}
                Effect::Run {
                    direction,
                    step,
                    attempt,
                } => {
                    return self.attempt(direction, step, attempt).await.map(Some);
                }
                Effect::Pause { retry } => return self.pause(retry).await.map(Some),
                Effect::CompensationFailed { step } => {
                    let name = self.definition.plan.steps[step].name;
                    self.inner
                        .metrics
                        .compensation_failed(self.definition.name, name);
                    tracing::error!(
                        saga.step = name,
                        "a compensation failed; a person is needed"
                    );
                }
                Effect::Stop => self.ended(),
            }
        }
        Ok(None)
    }

    async fn pause(&self, retry: u32) -> Result<Event, LetGo> {
        let seed = seed_of(self.inner.settings.seed, &self.record.id, self.index);
        let chance = unit(seed.wrapping_add(u64::from(retry)));
        let pause = self.inner.settings.retry_policy().pause(retry, chance);
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(Event::Due),
            () = self.keep_lease() => Err(LetGo),
            () = self.inner.scope.cancelled() => {
                // Nothing runs at the moment, so another instance may go on at once.
                let _ = log::prolong(&self.inner.store, &self.record, 0).await;
                Err(LetGo)
            }
        }
    }

    async fn attempt(
        &mut self,
        direction: Direction,
        step: usize,
        attempt: u32,
    ) -> Result<Event, LetGo> {
        let name = self.definition.plan.steps[step].name;
        let span = tracing::info_span!(
            "saga.step",
            otel.name = format!("{}.{name}{}", self.definition.name, suffix(direction)),
            saga.step = name,
            saga.attempt = attempt,
            saga.direction = log::direction_name(direction),
            saga.error = tracing::field::Empty,
        );
        let result = tokio::select! {
            result = self.carry_out(direction, step, attempt).instrument(span.clone()) => result,
            () = self.keep_lease() => return Err(LetGo),
        };
        let outcome = match &result {
            Ok(_) => "ok",
            Err(failure) if failure.is_transient() => "transient",
            Err(_) => "permanent",
        };
        self.inner
            .metrics
            .attempt(self.definition.name, name, direction, outcome);
        if let Err(failure) = &result {
            let report = failure.error().report();
            span.record("saga.error", &report);
            tracing::info!(parent: &span, saga.step = name, attempt, "attempt failed: {report}");
        }
        Ok(self.take_in(direction, result))
    }

    /// The attempt itself, within its time and with panics caught.
    async fn carry_out(
        &self,
        direction: Direction,
        step: usize,
        attempt: u32,
    ) -> Result<Value, Failure> {
        let name = self.definition.plan.steps[step].name;
        let context = Context::current().child_with_timeout(self.definition.timeouts[step]);
        let work = AssertUnwindSafe(self.work(direction, step, name, attempt)).catch_unwind();
        match context.stop_or(context.attach(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => {
                let what = format!("step {name} panicked");
                Err(Failure::from(Error::internal(what)))
            }
            Err(late) => Err(Failure::from(late)),
        }
    }

    async fn work(
        &self,
        direction: Direction,
        step: usize,
        name: &str,
        attempt: u32,
    ) -> Result<Value, Failure> {
        let mut point = vec![self.definition.name, name];
        if direction == Direction::Backward {
            point.push("undo");
        }
        let boundary = |at| self.inner.faults.at(&[point.as_slice(), &[at]].concat());
        let run = || {
            let cause = self
                .record
                .failure
                .clone()
                .filter(|_| direction == Direction::Backward);
            let context =
                StepContext::new(&self.record.id, name, direction, attempt).because(cause);
            self.definition
                .run(direction, step, context, self.record.data.clone())
        };
        boundary("before")?;
        if self.inner.faults.repeats(&point) {
            run().await?;
        }
        let data = run().await?;
        boundary("after")?;
        Ok(data)
    }

    fn take_in(&mut self, direction: Direction, result: Result<Value, Failure>) -> Event {
        match result {
            Ok(data) => {
                self.record.data = data;
                if direction == Direction::Forward {
                    self.record.failure = None;
                }
                Event::Succeeded
            }
            Err(failure) => {
                let event = failure.event();
                let error = failure.into_error();
                self.detail = error.report().chars().take(MAX_DETAIL).collect();
                if direction == Direction::Forward {
                    self.record.failure = Some(error.to_problem());
                }
                event
            }
        }
    }

    /// Prolongs the lease for as long as it is polled; ends when it is lost.
    async fn keep_lease(&self) {
        loop {
            tokio::time::sleep(self.inner.settings.lease() / 3).await;
            let until = self.inner.lease_from(self.inner.clock.now_ms());
            match log::prolong(&self.inner.store, &self.record, until).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(
                        saga.id = self.record.id,
                        "another instance took the saga over"
                    );
                    return;
                }
                // Not known to be lost: the next write will tell.
                Err(error) => tracing::warn!("lease not prolonged: {}", error.report()),
            }
        }
    }

    fn age(&self, now: i64) -> Duration {
        let ms = now.saturating_sub(self.record.created_at);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    fn mark_if_slow(&mut self, now: i64) {
        if !self.slow && self.age(now) > self.inner.settings.slow_after() {
            self.slow = true;
            Span::current().record("saga.slow", true);
            self.inner.metrics.slow(self.definition.name);
            tracing::warn!(saga.id = self.record.id, "saga takes longer than allowed");
        }
    }

    fn ended(&self) {
        let phase = self.record.phase;
        Span::current().record("saga.outcome", outcome_name(phase));
        self.inner.metrics.ended(
            self.definition.name,
            phase,
            self.age(self.record.updated_at),
        );
        if matches!(phase, Phase::Parked(_)) {
            shoal_queue::died(self.inner.store.service(), SAGAS, 1);
        }
        // It has ended; whatever is injected here can no longer change that.
        let _ = self.inner.faults.at(&[self.definition.name, "end"]);
    }
}

fn suffix(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "",
        Direction::Backward => ".undo",
    }
}
