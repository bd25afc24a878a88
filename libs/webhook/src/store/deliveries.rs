//! Rows of `webhook_deliveries` and `webhook_attempts`. That the former are a
//! queue is [`shoal_queue`]'s business.

use shoal_error::{Error, Result};
use shoal_queue::{Lane, QueueTable};
use shoal_store::{Conn, SqlResultExt as _};

use crate::codes::WebhookCode;
use crate::delivery::{Attempt, Delivery, DeliveryState};

/// The deliveries as a queue, one lane for each endpoint.
pub(crate) const QUEUE: QueueTable = QueueTable {
    queue: "webhooks",
    table: "webhook_deliveries",
    kind: "event_type",
    context: "context",
    shown: &["endpoint_id", "event_id"],
    lane: Some(Lane {
        column: "endpoint_id",
        open: "endpoint_id IN (SELECT id FROM webhook_endpoints WHERE state = 'active')",
    }),
};

const COLUMNS: &str = "d.id, d.endpoint_id, d.event_id, d.event_type, d.state, d.attempts, \
    d.last_status, d.last_error, d.next_attempt_at, d.created_at, d.finished_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    endpoint_id: String,
    event_id: String,
    event_type: String,
    state: String,
    attempts: i64,
    last_status: Option<i64>,
    last_error: Option<String>,
    next_attempt_at: i64,
    created_at: i64,
    finished_at: Option<i64>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        let state = DeliveryState::from_stored(&row.state);
        let waits = matches!(state, DeliveryState::Queued | DeliveryState::Failed);
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            event_id: row.event_id,
            event_type: row.event_type,
            state,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error.filter(|error| !error.is_empty()),
            next_attempt_at_ms: waits.then_some(row.next_attempt_at),
            created_at_ms: row.created_at,
            finished_at_ms: row.finished_at,
        }
    }
}

/// A delivery to be queued.
pub(crate) struct NewDelivery<'a> {
    pub(crate) id: String,
    pub(crate) endpoint_id: &'a str,
    pub(crate) event_id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) context: &'a str,
    pub(crate) now: i64,
}

/// Queues a delivery; false if this event was queued for this endpoint before.
pub(crate) async fn insert(conn: &mut Conn, new: NewDelivery<'_>) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, payload, \
         context, state, attempts, attempts_total, next_attempt_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, 0, $7, $7) \
         ON CONFLICT (endpoint_id, event_id) DO NOTHING",
    )
    .bind(new.id)
    .bind(new.endpoint_id)
    .bind(new.event_id)
    .bind(new.event_type)
    .bind(new.payload)
    .bind(new.context)
    .bind(new.now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() > 0)
}

/// Which deliveries to list; empty strings match everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) owner: &'a str,
    pub(crate) endpoint_id: &'a str,
    pub(crate) state: &'a str,
}

/// Deliveries, newest first; `before` is the last id of the page before, or empty.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_deliveries d \
         JOIN webhook_endpoints e ON e.id = d.endpoint_id \
         WHERE ($1 = '' OR e.owner = $1) AND ($2 = '' OR d.endpoint_id = $2) \
         AND ($3 = '' OR d.state = $3) AND ($4 = '' OR d.id < $4) \
         ORDER BY d.id DESC LIMIT $5"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(filter.owner)
        .bind(filter.endpoint_id)
        .bind(filter.state)
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

/// One delivery; an empty `owner` sees everybody's.
pub(crate) async fn get(conn: &mut Conn, owner: &str, id: &str) -> Result<Delivery> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_deliveries d \
         JOIN webhook_endpoints e ON e.id = d.endpoint_id \
         WHERE d.id = $1 AND ($2 = '' OR e.owner = $2)"
    );
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .bind(owner)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map(Delivery::from).ok_or_else(|| {
        Error::new(
            WebhookCode::DeliveryNotFound,
            format!("There is no webhook delivery {id:?}."),
        )
    })
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    number: i64,
    started_at: i64,
    latency_ms: i64,
    status: Option<i64>,
    error: Option<String>,
    response_body: Option<String>,
}

/// Attempts of a delivery, oldest first.
pub(crate) async fn attempts(conn: &mut Conn, id: &str) -> Result<Vec<Attempt>> {
    let rows: Vec<AttemptRow> = sqlx::query_as(
        "SELECT number, started_at, latency_ms, status, error, response_body \
         FROM webhook_attempts WHERE delivery_id = $1 ORDER BY number",
    )
    .bind(id)
    .fetch_all(&mut *conn)
    .await
    .db()?;
    Ok(rows
        .into_iter()
        .map(|row| Attempt {
            number: row.number,
            started_at_ms: row.started_at,
            latency_ms: row.latency_ms,
            status: row.status,
            error: row.error,
            response_body: row.response_body,
        })
        .collect())
}

/// Keeps an attempt, and its status as the delivery's last.
pub(crate) async fn log_attempt(conn: &mut Conn, id: &str, attempt: &Attempt) -> Result<()> {
    sqlx::query("UPDATE webhook_deliveries SET last_status = $2 WHERE id = $1")
        .bind(id)
        .bind(attempt.status)
        .execute(&mut *conn)
        .await
        .db()?;
    sqlx::query(
        "INSERT INTO webhook_attempts \
         (delivery_id, number, started_at, latency_ms, status, error, response_body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(attempt.number)
    .bind(attempt.started_at_ms)
    .bind(attempt.latency_ms)
    .bind(attempt.status)
    .bind(attempt.error.as_deref())
    .bind(attempt.response_body.as_deref())
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Whether an administrator gave the delivery up for good.
pub(crate) async fn is_discarded(conn: &mut Conn, id: &str) -> Result<bool> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT id FROM webhook_deliveries WHERE id = $1 AND discarded_at IS NOT NULL",
    )
    .bind(id)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

/// How many deliveries to an endpoint are not made yet.
pub(crate) async fn waiting(conn: &mut Conn, endpoint_id: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM webhook_deliveries \
         WHERE endpoint_id = $1 AND state IN ('queued', 'failed', 'sending')",
    )
    .bind(endpoint_id)
    .fetch_one(&mut *conn)
    .await
    .db()?;
    Ok(count.unsigned_abs())
}

/// What nobody needs any more; the condition of an index too.
const ENDED: &str = "(state = 'delivered' OR discarded_at IS NOT NULL)";

/// Whether [`prune`] would find anything.
pub(crate) async fn any_prunable(conn: &mut Conn, before: i64) -> Result<bool> {
    let sql =
        format!("SELECT id FROM webhook_deliveries WHERE {ENDED} AND finished_at < $1 LIMIT 1");
    let found: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(before)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    Ok(found.is_some())
}

/// Removes what was delivered before `before`, or given up and discarded;
/// answers how many.
pub(crate) async fn prune(conn: &mut Conn, before: i64, limit: i64) -> Result<u64> {
    let sql = format!(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
         WHERE {ENDED} AND finished_at < $1 LIMIT $2)"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(before)
        .bind(limit)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(done.rows_affected())
}
