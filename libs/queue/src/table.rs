//! A table that is a queue. The SQL runs on both engines.
//!
//! The table has these columns besides its own:
//!
//! ```sql
//! id              TEXT   NOT NULL PRIMARY KEY,
//! state           TEXT   NOT NULL, -- queued, sending, failed, delivered, dead
//! attempts        BIGINT NOT NULL, -- begun since queued or last redriven
//! attempts_total  BIGINT NOT NULL,
//! next_attempt_at BIGINT NOT NULL,
//! lease_token     TEXT,            -- while sending
//! lease_until     BIGINT,
//! reason          TEXT   NOT NULL DEFAULT '', -- why it is dead
//! first_error     TEXT   NOT NULL DEFAULT '',
//! last_error      TEXT,
//! created_at      BIGINT NOT NULL,
//! queued_at       BIGINT,          -- when it was redriven last
//! finished_at     BIGINT,          -- delivered or dead
//! discarded_at    BIGINT           -- by a person, once dead
//! ```
//!
//! A claim is one statement. Its outer condition repeats the inner one, so two
//! instances that pick the same row race for its lock and the loser's update
//! finds the row changed: PostgreSQL checks the condition again on the new
//! version, SQLite has one writer. No `SKIP LOCKED`, no dialect.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _, Store};
use shoal_task::Waker;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::letter::Selection;
use crate::metrics;
use crate::select::{Binds, Columns};
use crate::work::Verdict;

/// A table of the service whose rows are work. Everything in it is part of the
/// program's text, never of what a client sent.
#[derive(Clone, Copy, Debug)]
pub struct QueueTable {
    /// Name in metrics and for administrators.
    pub queue: &'static str,
    /// The table.
    pub table: &'static str,
    /// Column that says what the work is.
    pub kind: &'static str,
    /// Column or subquery with the context of the cause, a JSON map.
    pub context: &'static str,
    /// Columns of text that an administrator sees of a dead letter. Not those
    /// with addresses and tokens.
    pub shown: &'static [&'static str],
    /// Receivers that share the places, if they do.
    pub lane: Option<Lane>,
}

/// Splits a queue by receiver, so that a slow one holds up only itself.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Column that tells receivers apart.
    pub column: &'static str,
    /// Condition that a row's receiver takes anything at all; others are neither
    /// claimed nor redriven.
    pub open: &'static str,
}

/// What is due at `$1`, in two parts: what was abandoned, and what waited. Each
/// stands in an index by the first column, which says since when.
const DUE: [(&str, &str); 2] = [
    ("lease_until", "state = 'sending' AND lease_until <= $1"),
    (
        "next_attempt_at",
        "state IN ('queued', 'failed') AND next_attempt_at <= $1",
    ),
];

/// Dead and nobody's decision yet.
pub(crate) const DEAD: &str = "state = 'dead' AND discarded_at IS NULL";

/// What a claim asks for.
pub(crate) struct Claim<'a> {
    pub(crate) now: i64,
    pub(crate) lease_token: &'a str,
    pub(crate) lease_until: i64,
    pub(crate) limit: i64,
    pub(crate) per_lane: i64,
    /// Columns of the work's own.
    pub(crate) columns: &'static str,
}

/// A row in this worker's hands.
#[derive(FromRow)]
pub(crate) struct Row<J> {
    pub(crate) id: String,
    pub(crate) attempts: i64,
    pub(crate) attempts_total: i64,
    pub(crate) queued_at: i64,
    pub(crate) context: String,
    #[sqlx(flatten)]
    pub(crate) job: J,
}

impl QueueTable {
    /// Whether anything is due, so that an idle look takes no write lock.
    pub(crate) async fn any_due(&self, conn: &mut Conn, now: i64) -> Result<bool> {
        let sql = format!("SELECT id FROM {} WHERE {} LIMIT 1", self.table, self.due());
        let found = sqlx::query(AssertSqlSafe(sql)).bind(now);
        Ok(found.fetch_optional(conn).await.db()?.is_some())
    }

    /// Claims what was abandoned and what is due. The attempt is counted now:
    /// one that takes the process down is an attempt too.
    pub(crate) async fn claim<J>(&self, conn: &mut Conn, claim: &Claim<'_>) -> Result<Vec<Row<J>>>
    where
        J: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let sql = format!(
            "UPDATE {table} SET state = 'sending', lease_token = $2, lease_until = $3, \
                attempts = attempts + 1, attempts_total = attempts_total + 1 \
             WHERE id IN ({ready}) AND {due} \
             RETURNING id, attempts, attempts_total, \
                CAST(COALESCE(queued_at, created_at) AS BIGINT) AS queued_at, \
                {context} AS context, {columns}",
            table = self.table,
            ready = self.ready(),
            due = self.due(),
            context = self.context,
            columns = claim.columns,
        );
        let query = sqlx::query_as(AssertSqlSafe(sql))
            .bind(claim.now)
            .bind(claim.lease_token)
            .bind(claim.lease_until)
            .bind(claim.limit);
        let query = match self.lane {
            Some(_) => query.bind(claim.per_lane),
            None => query,
        };
        query.fetch_all(conn).await.db()
    }

    pub(crate) fn columns(&self) -> Columns {
        Columns {
            kind: self.kind,
            reason: "reason",
            died: "finished_at",
        }
    }

    /// Condition that a row's receiver takes anything at all.
    fn open(&self) -> &'static str {
        self.lane.map_or("1 = 1", |lane| lane.open)
    }

    /// What is due, for receivers that take it.
    fn due(&self) -> String {
        let [(_, abandoned), (_, waiting)] = DUE;
        format!("(({abandoned}) OR ({waiting})) AND {}", self.open())
    }

    /// Since when the longest due row is due, `$1` when none is. Each part reads
    /// the first row of its index that is for an open receiver.
    pub(crate) fn due_since(&self) -> String {
        let (table, open) = (self.table, self.open());
        let parts = DUE.map(|(since, due)| {
            format!("SELECT MIN({since}) AS since FROM {table} WHERE {due} AND {open}")
        });
        format!(
            "SELECT COALESCE(MIN(since), $1) FROM ({}) AS due",
            parts.join(" UNION ALL ")
        )
    }

    /// Ids that may be claimed, at most `$4`, of a lane at most `$5` over all
    /// instances. Without lanes each part reads an index of its own, so a long
    /// queue costs no more than a short one; on SQLite once it has analysed the
    /// table, before that it sorts what is due.
    fn ready(&self) -> String {
        let table = self.table;
        let Some(Lane { column, .. }) = self.lane else {
            let parts = DUE.map(|(since, due)| {
                format!(
                    "SELECT id FROM (SELECT id FROM {table} WHERE {due} \
                     ORDER BY {since} LIMIT $4) AS part"
                )
            });
            let parts = parts.join(" UNION ALL ");
            return format!("SELECT id FROM ({parts}) AS ready LIMIT $4");
        };
        format!(
            "SELECT id FROM ( \
                SELECT d.id, d.next_attempt_at, \
                    ROW_NUMBER() OVER (PARTITION BY d.{column} \
                        ORDER BY d.next_attempt_at, d.id) AS place, \
                    (SELECT COUNT(*) FROM {table} s WHERE s.{column} = d.{column} \
                        AND s.state = 'sending' AND s.lease_until > $1) AS under_way \
                FROM {table} d WHERE {due}) AS due \
             WHERE place + under_way <= $5 ORDER BY next_attempt_at, id LIMIT $4",
            due = self.due(),
        )
    }

    /// Writes what became of an attempt. False when the lease was lost
    /// meanwhile: another worker has the work, and its verdict counts.
    pub(crate) async fn settle(
        &self,
        conn: &mut Conn,
        id: &str,
        lease_token: &str,
        verdict: &Verdict,
        now: i64,
    ) -> Result<bool> {
        let (state, next, finished, reason, error) = match verdict {
            Verdict::Done => ("delivered", now, Some(now), "", ""),
            Verdict::Retry { wait, detail } => {
                let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                (
                    "failed",
                    now.saturating_add(wait),
                    None,
                    "",
                    detail.as_str(),
                )
            }
            Verdict::Dead { reason, detail } => ("dead", now, Some(now), *reason, detail.as_str()),
        };
        let sql = format!(
            "UPDATE {} SET state = $3, next_attempt_at = $4, finished_at = $5, reason = $6, \
             first_error = CASE WHEN first_error = '' THEN $7 ELSE first_error END, \
             last_error = $7, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2",
            self.table
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .bind(lease_token)
            .bind(state)
            .bind(next)
            .bind(finished)
            .bind(reason)
            .bind(error)
            .execute(conn)
            .await
            .db()?;
        Ok(done.rows_affected() > 0)
    }
}

/// One service's queue in a table of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TableQueue {
    pub(crate) table: QueueTable,
    pub(crate) store: Store,
    pub(crate) waker: Waker,
}

impl TableQueue {
    /// The queue that `table` of this database is.
    #[must_use]
    pub fn new(table: QueueTable, store: Store) -> Self {
        Self {
            table,
            store,
            waker: Waker::default(),
        }
    }

    /// Has the worker look for what this transaction queues.
    pub fn wake_on_commit(&self, conn: &mut Conn) {
        let waker = self.waker.clone();
        conn.on_commit(move || waker.wake());
    }

    /// Puts dead letters back with a fresh count of attempts, in the caller's
    /// transaction; answers which. `within` narrows them down to those with that
    /// value in that column.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn redrive_in(
        &self,
        conn: &mut Conn,
        selection: &Selection,
        within: Option<(&'static str, &str)>,
    ) -> Result<Vec<String>> {
        let now = conn.now_ms();
        let mut binds = Binds::default();
        let now = binds.int(now);
        let change = format!(
            "state = 'queued', attempts = 0, next_attempt_at = {now}, queued_at = {now}, \
             reason = '', finished_at = NULL"
        );
        let open = self.table.open();
        let moved = self.change(conn, binds, &change, open, selection, within);
        let moved = moved.await?;
        self.wake_on_commit(conn);
        let (store, queue, count) = (self.store.clone(), self.table.queue, moved.len());
        conn.on_commit(move || metrics::redriven(store.service(), queue, count as u64));
        Ok(moved)
    }

    /// Marks dead letters as discarded, in the caller's transaction; answers
    /// which.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn discard_in(&self, conn: &mut Conn, selection: &Selection) -> Result<Vec<String>> {
        let mut binds = Binds::default();
        let change = format!("discarded_at = {}", binds.int(conn.now_ms()));
        let gone = self.change(conn, binds, &change, "1 = 1", selection, None);
        let gone = gone.await?;
        let (store, queue, count) = (self.store.clone(), self.table.queue, gone.len() as u64);
        conn.on_commit(move || {
            metrics::dropped(store.service(), queue, metrics::DISCARDED, count);
        });
        Ok(gone)
    }

    async fn change(
        &self,
        conn: &mut Conn,
        mut binds: Binds,
        change: &str,
        open: &str,
        selection: &Selection,
        within: Option<(&'static str, &str)>,
    ) -> Result<Vec<String>> {
        let QueueTable { table, .. } = self.table;
        let chosen = selection.conditions(&self.table.columns(), &mut binds);
        let within = within.map_or_else(String::new, |(column, value)| {
            format!(" AND {column} = {}", binds.text(value))
        });
        let limit = binds.int(selection.limit);
        let sql = format!(
            "UPDATE {table} SET {change} WHERE {DEAD} AND id IN (SELECT id FROM {table} \
             WHERE {DEAD} AND {open}{chosen}{within} ORDER BY id LIMIT {limit}) RETURNING id"
        );
        let rows = binds.query(sql).fetch_all(conn).await.db()?;
        rows.iter().map(|row| row.try_get("id").db()).collect()
    }

    /// Turns what waits or was abandoned, and has that value in that column, into
    /// dead letters, in the caller's transaction; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn give_up_in(
        &self,
        conn: &mut Conn,
        (column, value): (&'static str, &str),
        reason: &'static str,
        detail: &str,
    ) -> Result<u64> {
        let sql = format!(
            "UPDATE {} SET state = 'dead', reason = $2, last_error = $3, finished_at = $4, \
             first_error = CASE WHEN first_error = '' THEN $3 ELSE first_error END, \
             lease_token = NULL, lease_until = NULL WHERE {column} = $1 \
             AND (state IN ('queued', 'failed') OR (state = 'sending' AND lease_until <= $4))",
            self.table.table
        );
        let now = conn.now_ms();
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(value)
            .bind(reason)
            .bind(detail)
            .bind(now)
            .execute(&mut *conn)
            .await
            .db()?;
        let (store, queue, count) = (self.store.clone(), self.table.queue, done.rows_affected());
        conn.on_commit(move || metrics::died(store.service(), queue, count));
        Ok(count)
    }
}
