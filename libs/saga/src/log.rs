//! The durable log: where each saga stands, and what it did. The only place of
//! this crate that knows SQL.

use std::collections::HashMap;

use serde_json::Value;
use shoal_error::{Error, ProblemDetails, Result};
use shoal_store::{Conn, Dialect, SqlResultExt as _, Store, Tx};
use sqlx::Row as _;

use crate::machine::{Direction, Entry, Phase, State};

/// A saga as the database has it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) phase: Phase,
    /// Name, not index: a release may insert steps.
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) running: bool,
    pub(crate) dirty: bool,
    pub(crate) data: Value,
    pub(crate) failure: Option<ProblemDetails>,
    pub(crate) context: HashMap<String, String>,
    pub(crate) revision: i64,
    pub(crate) owner: String,
    /// As it was read or written last; prolonged meanwhile.
    pub(crate) lease_until: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    /// Lines in the log.
    pub(crate) logged: i64,
}

/// One line of a saga's log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) entry: Entry,
    pub(crate) direction: Direction,
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) detail: String,
}

/// A line as it was written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenLine {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) entry: String,
    pub(crate) direction: String,
    pub(crate) step: String,
    pub(crate) attempt: i64,
    pub(crate) owner: String,
    pub(crate) detail: String,
}

impl Record {
    pub(crate) fn state(&self, step: usize) -> State {
        State {
            phase: self.phase,
            step,
            attempt: self.attempt,
            running: self.running,
            dirty: self.dirty,
        }
    }

    /// Takes over what the rules decided.
    pub(crate) fn set_state(&mut self, state: State, step: &str) {
        self.phase = state.phase;
        step.clone_into(&mut self.step);
        self.attempt = state.attempt;
        self.running = state.running;
        self.dirty = state.dirty;
    }
}

const COLUMNS: &str = "id, name, subject, phase, direction, step, attempt, running, dirty, data, \
     failure, context, revision, owner, lease_until, created_at, updated_at, \
     CAST((SELECT COALESCE(MAX(seq), 0) FROM saga_log WHERE saga_id = saga.id) AS BIGINT) AS logged";

/// Records a new saga with its first lines.
pub(crate) async fn insert(tx: &mut Tx, saga: &Record, lines: &[Line]) -> Result<()> {
    let (phase, direction) = phase_names(saga.phase);
    sqlx::query(
        "INSERT INTO saga (id, name, subject, phase, direction, step, attempt, running, dirty, \
         data, failure, context, revision, owner, lease_until, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11, $12, $13, $14, $15, $15)",
    )
    .bind(&saga.id)
    .bind(&saga.name)
    .bind(&saga.subject)
    .bind(phase)
    .bind(direction)
    .bind(&saga.step)
    .bind(i64::from(saga.attempt))
    .bind(i64::from(saga.running))
    .bind(i64::from(saga.dirty))
    .bind(saga.data.to_string())
    .bind(serde_json::to_string(&saga.context).map_err(Error::internal)?)
    .bind(saga.revision)
    .bind(&saga.owner)
    .bind(saga.lease_until)
    .bind(saga.created_at)
    .execute(&mut **tx)
    .await
    .db()?;
    insert_lines(tx, saga, lines, saga.created_at).await
}

/// One saga, if there is such a one.
pub(crate) async fn load(conn: &mut Conn, id: &str) -> Result<Option<Record>> {
    let sql = format!("SELECT {COLUMNS} FROM saga WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map(record).transpose()
}

/// Writes the new state and what led to it, in one transaction, and prolongs the
/// lease. `false` when the saga has got another owner meanwhile.
pub(crate) async fn append(
    store: &Store,
    saga: &Record,
    lines: &[Line],
    lease_until: i64,
    now: i64,
) -> Result<bool> {
    // Boxed: a transaction is the largest part of every future above it.
    let change = async {
        let mut tx = store.begin().await?;
        let kept = write(&mut tx, saga, lines, lease_until, now).await?;
        if kept {
            tx.commit().await?;
        }
        Ok(kept)
    };
    Box::pin(change).await
}

async fn write(
    tx: &mut Tx,
    saga: &Record,
    lines: &[Line],
    lease_until: i64,
    now: i64,
) -> Result<bool> {
    let (phase, direction) = phase_names(saga.phase);
    let failure = saga.failure.as_ref().map(serde_json::to_string).transpose();
    let written = sqlx::query(
        "UPDATE saga SET phase = $1, direction = $2, step = $3, attempt = $4, running = $5, \
         dirty = $6, data = $7, failure = $8, lease_until = $9, updated_at = $10, \
         owner = $11, revision = revision + 1 WHERE id = $12 AND revision = $13",
    )
    .bind(phase)
    .bind(direction)
    .bind(&saga.step)
    .bind(i64::from(saga.attempt))
    .bind(i64::from(saga.running))
    .bind(i64::from(saga.dirty))
    .bind(saga.data.to_string())
    .bind(failure.map_err(Error::internal)?)
    .bind(lease_until)
    .bind(now)
    .bind(&saga.owner)
    .bind(&saga.id)
    .bind(saga.revision)
    .execute(&mut **tx)
    .await
    .db()?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    insert_lines(tx, saga, lines, now).await?;
    Ok(true)
}

/// All lines in one statement; who counts on from `logged` is fenced by the revision.
async fn insert_lines(tx: &mut Tx, saga: &Record, lines: &[Line], now: i64) -> Result<()> {
    const FIELDS: usize = 9;
    let rows: Vec<String> = (0..lines.len())
        .map(|row| {
            let marks: Vec<String> = (1..=FIELDS)
                .map(|field| format!("${}", row * FIELDS + field))
                .collect();
            format!("({})", marks.join(", "))
        })
        .collect();
    let sql = format!(
        "INSERT INTO saga_log \
         (saga_id, seq, at, entry, direction, step, attempt, owner, detail) VALUES {}",
        rows.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (line, seq) in lines.iter().zip(saga.logged + 1..) {
        query = query
            .bind(&saga.id)
            .bind(seq)
            .bind(now)
            .bind(entry_name(line.entry))
            .bind(direction_name(line.direction))
            .bind(&line.step)
            .bind(i64::from(line.attempt))
            .bind(&saga.owner)
            .bind(&line.detail);
    }
    query.execute(&mut **tx).await.db()?;
    Ok(())
}

/// Keeps a saga for its owner. `false` when it has got another one.
pub(crate) async fn prolong(store: &Store, saga: &Record, lease_until: i64) -> Result<bool> {
    // Boxed, like every transaction that a running saga holds.
    let change = async {
        let mut tx = store.begin().await?;
        let kept = sqlx::query("UPDATE saga SET lease_until = $1 WHERE id = $2 AND revision = $3")
            .bind(lease_until)
            .bind(&saga.id)
            .bind(saga.revision)
            .execute(&mut *tx)
            .await
            .db()?;
        tx.commit().await?;
        Ok(kept.rows_affected() > 0)
    };
    Box::pin(change).await
}

/// Takes over up to `limit` sagas whose lease has ended.
pub(crate) async fn claim(
    store: &Store,
    owner: &str,
    now: i64,
    lease_until: i64,
    limit: i64,
) -> Result<Vec<String>> {
    // Several instances claim at once; each skips what another one is taking.
    let lock = match store.dialect() {
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
        Dialect::Sqlite => "",
    };
    let sql = format!(
        "UPDATE saga SET owner = $1, lease_until = $2, revision = revision + 1 WHERE id IN \
         (SELECT id FROM saga WHERE phase = 'active' AND lease_until <= $3 \
          ORDER BY lease_until LIMIT $4 {lock}) RETURNING id"
    );
    let mut tx = store.begin().await?;
    let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(owner)
        .bind(lease_until)
        .bind(now)
        .bind(limit)
        .fetch_all(&mut *tx)
        .await
        .db()?;
    tx.commit().await?;
    Ok(rows)
}

/// Lets go of an owner's sagas but for some, so that others find them at once.
pub(crate) async fn let_go(store: &Store, owner: &str, but: &[String]) -> Result<()> {
    let marks: Vec<String> = (0..but.len()).map(|n| format!("${}", n + 2)).collect();
    let others = match marks.is_empty() {
        true => String::new(),
        false => format!(" AND id NOT IN ({})", marks.join(", ")),
    };
    let sql =
        format!("UPDATE saga SET lease_until = 0 WHERE phase = 'active' AND owner = $1{others}");
    let mut tx = store.begin().await?;
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner);
    let query = but.iter().fold(query, sqlx::query::Query::bind);
    query.execute(&mut *tx).await.db()?;
    tx.commit().await
}

/// Whether any saga could be claimed; spares writers an empty transaction.
pub(crate) async fn any_claimable(store: &Store, now: i64) -> Result<bool> {
    let mut conn = store.read().await?;
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(1 AS BIGINT) FROM saga WHERE phase = 'active' AND lease_until <= $1 LIMIT 1",
    )
    .bind(now)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

/// A page of parked sagas, the oldest first, after the given id.
pub(crate) async fn parked(store: &Store, after: &str, limit: i64) -> Result<Vec<Record>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM saga WHERE phase = 'parked' AND id > $1 ORDER BY id LIMIT $2"
    );
    let mut conn = store.read().await?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.iter().map(record).collect()
}

/// The log of one saga, in order.
pub(crate) async fn lines(conn: &mut Conn, id: &str) -> Result<Vec<WrittenLine>> {
    let rows = sqlx::query(
        "SELECT seq, at, entry, direction, step, attempt, owner, detail FROM saga_log \
         WHERE saga_id = $1 ORDER BY seq",
    )
    .bind(id)
    .fetch_all(conn)
    .await
    .db()?;
    rows.iter().map(line).collect::<sqlx::Result<_>>().db()
}

/// Forgets up to `limit` sagas that ended before `before`; says how many.
pub(crate) async fn purge(store: &Store, before: i64, limit: i64) -> Result<u64> {
    let mut tx = store.begin().await?;
    let gone = sqlx::query(
        "DELETE FROM saga WHERE id IN (SELECT id FROM saga \
         WHERE phase IN ('completed', 'undone') AND updated_at < $1 ORDER BY updated_at LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}

fn record(row: &sqlx::any::AnyRow) -> Result<Record> {
    let small = |column: &str| -> Result<u32> {
        u32::try_from(row.try_get::<i64, _>(column).db()?).map_err(Error::internal)
    };
    let phase: String = row.try_get("phase").db()?;
    let direction: String = row.try_get("direction").db()?;
    let data: String = row.try_get("data").db()?;
    let context: String = row.try_get("context").db()?;
    let failure: Option<String> = row.try_get("failure").db()?;
    let failure = failure.map(|json| serde_json::from_str(&json)).transpose();
    Ok(Record {
        id: row.try_get("id").db()?,
        name: row.try_get("name").db()?,
        subject: row.try_get("subject").db()?,
        phase: phase_of(&phase, &direction)?,
        step: row.try_get("step").db()?,
        attempt: small("attempt")?,
        running: small("running")? != 0,
        dirty: small("dirty")? != 0,
        data: serde_json::from_str(&data).map_err(Error::internal)?,
        failure: failure.map_err(Error::internal)?,
        context: serde_json::from_str(&context).map_err(Error::internal)?,
        revision: row.try_get("revision").db()?,
        owner: row.try_get("owner").db()?,
        lease_until: row.try_get("lease_until").db()?,
        created_at: row.try_get("created_at").db()?,
        updated_at: row.try_get("updated_at").db()?,
        logged: row.try_get("logged").db()?,
    })
}

fn line(row: &sqlx::any::AnyRow) -> sqlx::Result<WrittenLine> {
    Ok(WrittenLine {
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        entry: row.try_get("entry")?,
        direction: row.try_get("direction")?,
        step: row.try_get("step")?,
        attempt: row.try_get("attempt")?,
        owner: row.try_get("owner")?,
        detail: row.try_get("detail")?,
    })
}

pub(crate) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    }
}

fn phase_names(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Active(direction) => ("active", direction_name(direction)),
        Phase::Parked(direction) => ("parked", direction_name(direction)),
        Phase::Completed => ("completed", "forward"),
        Phase::Undone => ("undone", "backward"),
    }
}

fn phase_of(phase: &str, direction: &str) -> Result<Phase> {
    let direction = match direction {
        "forward" => Direction::Forward,
        _ => Direction::Backward,
    };
    match phase {
        "active" => Ok(Phase::Active(direction)),
        "parked" => Ok(Phase::Parked(direction)),
        "completed" => Ok(Phase::Completed),
        "undone" => Ok(Phase::Undone),
        other => Err(Error::internal(format!(
            "unknown phase {other:?} of a saga"
        ))),
    }
}

fn entry_name(entry: Entry) -> &'static str {
    match entry {
        Entry::Started => "started",
        Entry::Done => "done",
        Entry::Failed => "failed",
        Entry::Interrupted => "interrupted",
        Entry::Retried => "retried",
        Entry::Skipped => "skipped",
        Entry::Parked => "parked",
        Entry::Completed => "completed",
        Entry::Undone => "undone",
    }
}
