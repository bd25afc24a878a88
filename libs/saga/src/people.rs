//! For people: what waits for them, what happened, and how to go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, ProblemDetails, Result};

use crate::definition::Definition;
use crate::log::{self, Line, Record};
use crate::machine::{self, Direction, Event, Phase};
use crate::metrics::outcome_name;
use crate::runner::Sagas;

/// A saga as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct SagaView {
    /// `sga_` id.
    pub id: String,
    /// Which saga.
    pub name: String,
    /// What it is about, e.g. an order's id.
    pub subject: String,
    /// `active`, `completed`, `undone` or `parked`.
    pub phase: &'static str,
    /// `forward` or `backward`.
    pub direction: &'static str,
    /// The current step.
    pub step: String,
    /// Attempts of it.
    pub attempt: u32,
    /// Why it turned back or stopped, if it did.
    pub failure: Option<ProblemDetails>,
    /// When it was started, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it last changed, Unix milliseconds.
    pub updated_at_ms: i64,
}

/// A line of a saga's log as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// From 1, without gaps.
    pub seq: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// `started`, `done`, `failed`, `interrupted`, `retried`, `skipped`, `parked`,
    /// `completed` or `undone`.
    pub entry: String,
    /// `forward` or `backward`.
    pub direction: String,
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: i64,
    /// The instance that wrote it.
    pub owner: String,
    /// Why an attempt failed.
    pub detail: String,
}

/// What a person decides about a parked saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The cause is mended: try the failed action again.
    Retry,
    /// The failed action was done by hand: go on after it.
    Skip,
}

impl Sagas {
    /// Parked sagas, the oldest first, after the given id (empty for the first).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn parked(&self, after: &str, limit: i64) -> Result<Vec<SagaView>> {
        let records = log::parked(&self.0.store, after, limit).await?;
        Ok(records.into_iter().map(view).collect())
    }

    /// One saga and everything that it did.
    ///
    /// # Errors
    /// [`CommonCode::NotFound`], and those of the database.
    pub async fn inspect(&self, id: &str) -> Result<(SagaView, Vec<LogLine>)> {
        let mut conn = self.0.store.read().await?;
        let record = log::load(&mut conn, id).await?;
        let record = record.ok_or_else(|| Error::not_found("saga", id))?;
        let lines = log::lines(&mut conn, id).await?;
        Ok((view(record), lines.into_iter().map(log_line).collect()))
    }

    /// Lets a parked saga go on.
    ///
    /// # Errors
    /// [`CommonCode::NotFound`]; [`CommonCode::Conflict`] when it is not parked
    /// (any more); those of the database.
    pub async fn decide(&self, id: &str, decision: Decision) -> Result<SagaView> {
        let mut conn = self.0.store.read().await?;
        let record = log::load(&mut conn, id).await?;
        drop(conn);
        let mut record = record.ok_or_else(|| Error::not_found("saga", id))?;
        let lines = self.apply(&mut record, decision)?;
        let now = self.0.clock.now_ms();
        let lease = self.0.lease_from(now);
        self.0.owner.clone_into(&mut record.owner);
        if !log::append(&self.0.store, &record, &lines, lease, now).await? {
            return Err(not_parked(id));
        }
        record.updated_at = now;
        self.launch(id);
        Ok(view(record))
    }

    fn apply(&self, record: &mut Record, decision: Decision) -> Result<Vec<Line>> {
        let unknown = || Error::internal(format!("saga {} is unknown here", record.name));
        let place = self.place(&record.name, &record.step);
        let (definition, index) = place.ok_or_else(unknown)?;
        let event = match decision {
            Decision::Retry => Event::Retry,
            Decision::Skip => Event::Skip,
        };
        let (state, effects) = machine::step(&definition.plan, record.state(index), event)
            .map_err(|_| not_parked(&record.id))?;
        record.set_state(state, definition.plan.steps[state.step].name);
        Ok(definition.lines(&effects, ""))
    }

    /// A step of a saga that this instance carries out, by their names.
    pub(crate) fn place(&self, saga: &str, step: &str) -> Option<(&Definition, usize)> {
        let definition = self.0.definitions.get(saga)?;
        Some((definition, definition.step_index(step)?))
    }
}

fn not_parked(id: &str) -> Error {
    Error::new(CommonCode::Conflict, format!("Saga {id} is not parked."))
}

fn view(record: Record) -> SagaView {
    let direction = match record.phase {
        Phase::Active(direction) | Phase::Parked(direction) => direction,
        Phase::Completed => Direction::Forward,
        Phase::Undone => Direction::Backward,
    };
    SagaView {
        phase: outcome_name(record.phase),
        direction: log::direction_name(direction),
        id: record.id,
        name: record.name,
        subject: record.subject,
        step: record.step,
        attempt: record.attempt,
        failure: record.failure,
        created_at_ms: record.created_at,
        updated_at_ms: record.updated_at,
    }
}

fn log_line(line: log::WrittenLine) -> LogLine {
    LogLine {
        seq: line.seq,
        at_ms: line.at,
        entry: line.entry,
        direction: line.direction,
        step: line.step,
        attempt: line.attempt,
        owner: line.owner,
        detail: line.detail,
    }
}
