//! Events that no attempt could deal with. They wait here, in the consumer's own
//! database, until a person has them tried again or calls them done.

use std::time::Duration;

use serde::Serialize;
use shoal_error::{Result, ResultExt as _};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use crate::conn::{Conn, Tx};
use crate::error::SqlResultExt as _;
use crate::outbox::EventEnvelope;
use crate::page::{Page, PageRequest};
use crate::{Store, id};

/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 2_000;

/// A parked event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// `dlq_…`.
    #[schema(example = "dlq_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub id: String,
    /// Group that could not deal with it.
    #[schema(example = "notification")]
    pub group: String,
    /// Id of the event.
    #[schema(example = "evt_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub event_id: String,
    /// Type of the event.
    #[schema(example = "order.confirmed.v1")]
    pub kind: String,
    /// What the event is about.
    #[schema(example = "ord_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub subject: String,
    /// The event, or the raw message when it was not readable as one.
    #[schema(example = json!({"type": "order.confirmed.v1"}))]
    pub envelope: serde_json::Value,
    /// Why the last attempt failed.
    #[schema(example = "the database is away")]
    pub reason: String,
    /// Attempts so far.
    pub attempts: i64,
    /// `parked`, `queued` for another try, or `done`.
    #[schema(example = "parked")]
    pub state: String,
    /// When it was parked first, Unix milliseconds.
    pub parked_at: i64,
}

impl DeadLetter {
    /// The event, unless the message was not readable as one.
    #[must_use]
    pub fn event(&self) -> Option<EventEnvelope> {
        serde_json::from_value(self.envelope.clone()).ok()
    }
}

/// What to park.
#[derive(Clone, Debug)]
pub struct Parked<'a> {
    /// Group that could not deal with it.
    pub group: &'a str,
    /// Id of the event, or of the raw message.
    pub event_id: &'a str,
    /// Type of the event; empty when unreadable.
    pub kind: &'a str,
    /// What the event is about; empty when unreadable.
    pub subject: &'a str,
    /// The event or the raw message.
    pub envelope: serde_json::Value,
    /// Code of the error, e.g. `bus.unreadable_event`.
    pub code: &'a str,
    /// Why it failed. Goes to people, not to clients.
    pub reason: &'a str,
    /// Attempts so far.
    pub attempts: u32,
}

/// Parks an event, or parks it again with the new reason.
///
/// # Errors
/// Those of the database.
pub async fn park(tx: &mut Tx, letter: &Parked<'_>) -> Result<()> {
    let now = tx.now_ms();
    let reason: String = letter.reason.chars().take(MAX_REASON).collect();
    sqlx::query(
        "INSERT INTO dead_letters (id, consumer, event_id, kind, subject, envelope, reason, \
           attempts, state, parked_at, updated_at, code, first_reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'parked', $9, $9, $10, $7) \
         ON CONFLICT (consumer, event_id) DO UPDATE SET reason = excluded.reason, \
           code = excluded.code, attempts = dead_letters.attempts + excluded.attempts, state = 'parked', \
           updated_at = excluded.updated_at",
    )
    .bind(id::new("dlq"))
    .bind(letter.group)
    .bind(letter.event_id)
    .bind(letter.kind)
    .bind(letter.subject)
    .bind(letter.envelope.to_string())
    .bind(reason)
    .bind(i64::from(letter.attempts))
    .bind(now)
    .bind(letter.code)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Parked and queued events, oldest first; of one group, or of all.
///
/// # Errors
/// Those of the page request and of the database.
pub async fn list(
    conn: &mut Conn,
    group: Option<&str>,
    request: &PageRequest,
) -> Result<Page<DeadLetter>> {
    let list = format!("dead_letters/{}", group.unwrap_or("*"));
    let rows = sqlx::query(
        "SELECT * FROM dead_letters WHERE id > $1 AND state <> 'done' \
         AND ($2 = '' OR consumer = $2) ORDER BY id LIMIT $3",
    )
    .bind(request.after(&list)?)
    .bind(group.unwrap_or_default())
    .bind(request.fetch()?)
    .fetch_all(conn)
    .await
    .db()?;
    let rows = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    Page::cut(rows, request, &list, |letter| [letter.id.clone()])
}

/// Queued events of a group, oldest first; for its consumer.
///
/// # Errors
/// Those of the database.
pub async fn queued(conn: &mut Conn, group: &str, limit: u32) -> Result<Vec<DeadLetter>> {
    let rows = sqlx::query(
        "SELECT * FROM dead_letters WHERE consumer = $1 AND state = 'queued' ORDER BY id LIMIT $2",
    )
    .bind(group)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await
    .db()?;
    rows.iter().map(read).collect()
}

/// Calls a queued event done, in the transaction of the attempt that deals with
/// it. False when someone else did.
///
/// # Errors
/// Those of the database.
pub async fn settle(tx: &mut Tx, group: &str, event_id: &str) -> Result<bool> {
    let now = tx.now_ms();
    let done = sqlx::query(
        "UPDATE dead_letters SET state = 'done', updated_at = $1 \
         WHERE consumer = $2 AND event_id = $3 AND state = 'queued'",
    )
    .bind(now)
    .bind(group)
    .bind(event_id)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Forgets up to `limit` events that were done or discarded longer than `keep`
/// ago. `keep` must exceed the time in which a bus can deliver again.
///
/// # Errors
/// Those of the database.
pub async fn purge(store: &Store, keep: Duration, limit: u32) -> Result<u64> {
    let mut tx = store.begin().await?;
    let before = tx.now_ms() - i64::try_from(keep.as_millis()).unwrap_or(i64::MAX / 4);
    let done = sqlx::query(
        "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters \
         WHERE state = 'done' AND updated_at < $1 ORDER BY updated_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::from(limit))
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// A row of the table.
///
/// # Errors
/// Those of the database.
pub fn read(row: &AnyRow) -> Result<DeadLetter> {
    let envelope: String = row.try_get("envelope").db()?;
    Ok(DeadLetter {
        id: row.try_get("id").db()?,
        group: row.try_get("consumer").db()?,
        event_id: row.try_get("event_id").db()?,
        kind: row.try_get("kind").db()?,
        subject: row.try_get("subject").db()?,
        envelope: serde_json::from_str(&envelope).internal()?,
        reason: row.try_get("reason").db()?,
        attempts: row.try_get("attempts").db()?,
        state: row.try_get("state").db()?,
        parked_at: row.try_get("parked_at").db()?,
    })
}
