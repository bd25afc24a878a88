//! Events recorded in the same transaction as the change that they tell of.
//!
//! A relay (in `shoal-bus`) claims recorded rows, hands them to the bus and
//! marks them sent. Rows of one subject go out in the order in which they were
//! recorded, also with several relays: a row is claimed only when no earlier one
//! of its subject is in another relay's hands.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_context::Context;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_proto::events::Event;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::conn::Tx;
use crate::error::SqlResultExt as _;
use crate::{Dialect, Store, id};

/// Advisory lock, together with the schema, that makes relays take turns.
const CLAIM_LOCK: i32 = 0x6f_7574;

/// An event on its way, with whatever it takes to go on in the same trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// `evt_…`; the same on every delivery.
    pub id: String,
    /// Type and version, e.g. `order.confirmed.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the thing that the event is about; events of one subject keep
    /// their order.
    pub subject: String,
    /// Unix milliseconds.
    pub occurred_at: i64,
    /// `traceparent`, request id, user, colour.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// The payload.
    pub data: serde_json::Value,
}

impl EventEnvelope {
    /// An event of the running request, dated `now_ms`.
    ///
    /// # Errors
    /// [`shoal_error::CommonCode::Internal`] when the payload is not
    /// serialisable.
    pub fn of<P: Event>(payload: &P, now_ms: i64) -> Result<Self> {
        let mut context: BTreeMap<String, String> =
            Context::current().to_map().into_iter().collect();
        shoal_telemetry::propagate::inject_map(&mut context);
        Ok(Self {
            id: id::new("evt"),
            kind: P::TYPE.to_owned(),
            subject: payload.subject().to_owned(),
            occurred_at: now_ms,
            context,
            data: serde_json::to_value(payload).internal()?,
        })
    }

    /// The payload as its type.
    ///
    /// # Errors
    /// When the data is not what `P` says; trying again cannot help.
    pub fn decode<P: Event>(&self) -> Result<P, serde_json::Error> {
        P::deserialize(&self.data)
    }

    /// The context that the event was recorded in, without a deadline.
    #[must_use]
    pub fn restore_context(&self) -> Context {
        let map: HashMap<String, String> = self
            .context
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Context::from_map(&map)
    }
}

/// Records an event. It is told if and only if the transaction commits, at
/// least once. Returns its id.
///
/// # Errors
/// Those of the database.
pub async fn publish<P: Event>(tx: &mut Tx, payload: &P) -> Result<String> {
    let envelope = EventEnvelope::of(payload, tx.now_ms())?;
    publish_envelope(tx, &envelope).await?;
    Ok(envelope.id)
}

/// Records an event whose envelope was made elsewhere.
///
/// # Errors
/// Those of the database; [`shoal_error::CommonCode::Conflict`] when it was
/// recorded before.
pub async fn publish_envelope(tx: &mut Tx, event: &EventEnvelope) -> Result<()> {
    sqlx::query(
        "INSERT INTO outbox (id, kind, subject, occurred_at, context, data) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(event.id.as_str())
    .bind(event.kind.as_str())
    .bind(event.subject.as_str())
    .bind(event.occurred_at)
    .bind(serde_json::to_string(&event.context).internal()?)
    .bind(event.data.to_string())
    .execute(&mut **tx)
    .await
    .db()?;
    tx.announce_on_commit();
    Ok(())
}

/// A claimed row.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Position in the outbox.
    pub seq: i64,
    /// What to send.
    pub event: EventEnvelope,
}

/// A row that the bus has taken.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Position in the outbox.
    pub seq: i64,
    /// What the bus calls it, for finding out what a bus has lost.
    pub bus_ref: Option<String>,
}

/// How far the relay is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Rows not sent yet.
    pub pending: i64,
    /// Age of the oldest of them, milliseconds.
    pub oldest_ms: i64,
}

/// Claims up to `limit` unsent rows for `relay` for as long as `lease`.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    store: &Store,
    relay: &str,
    limit: u32,
    lease: Duration,
) -> Result<Vec<Claimed>> {
    if !has_unsent(store).await? {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    if tx.dialect() == Dialect::Postgres {
        sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))")
            .bind(CLAIM_LOCK)
            .execute(&mut *tx)
            .await
            .db()?;
    }
    // SKIP LOCKED passes over rows that a purge or a slow marking holds.
    let skip = if tx.dialect() == Dialect::Postgres {
        "FOR UPDATE SKIP LOCKED"
    } else {
        ""
    };
    let sql = format!(
        "UPDATE outbox SET claimed_by = $1, claimed_until = $2 WHERE seq IN ( \
           SELECT o.seq FROM outbox o WHERE o.sent_at IS NULL AND o.claimed_until <= $3 \
             AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.subject = o.subject \
               AND e.seq < o.seq AND e.sent_at IS NULL AND e.claimed_until > $3) \
           ORDER BY o.seq LIMIT $4 {skip}) \
         RETURNING seq, id, kind, subject, occurred_at, context, data"
    );
    let now = tx.now_ms();
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(relay)
        .bind(now + millis(lease))
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .db()?;
    tx.commit().await?;
    let mut claimed = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    claimed.sort_by_key(|row| row.seq);
    Ok(claimed)
}

/// Holds claimed rows for another `lease`.
///
/// # Errors
/// Those of the database.
pub async fn renew(store: &Store, relay: &str, seqs: &[i64], lease: Duration) -> Result<()> {
    hold_for(store, relay, seqs, lease).await
}

/// Marks rows as taken by the bus.
///
/// # Errors
/// Those of the database.
pub async fn mark_sent(store: &Store, rows: &[Sent]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let now = tx.now_ms();
    for row in rows {
        sqlx::query("UPDATE outbox SET sent_at = $1, bus_ref = $2 WHERE seq = $3")
            .bind(now)
            .bind(row.bus_ref.as_deref())
            .bind(row.seq)
            .execute(&mut *tx)
            .await
            .db()?;
    }
    tx.commit().await
}

/// Gives claimed rows back, to be claimed again after `pause`. Later rows of the
/// same subjects wait for them.
///
/// # Errors
/// Those of the database.
pub async fn release(store: &Store, relay: &str, seqs: &[i64], pause: Duration) -> Result<()> {
    hold_for(store, relay, seqs, pause).await
}

async fn hold_for(store: &Store, relay: &str, seqs: &[i64], time: Duration) -> Result<()> {
    if seqs.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let until = tx.now_ms() + millis(time);
    let sql = format!(
        "UPDATE outbox SET claimed_until = $1 WHERE claimed_by = $2 AND sent_at IS NULL \
         AND seq IN ({})",
        list(seqs)
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(until)
        .bind(relay)
        .persistent(false)
        .execute(&mut *tx)
        .await
        .db()?;
    tx.commit().await
}

/// Types of the events sent since `since_ms`.
///
/// # Errors
/// Those of the database.
pub async fn kinds_sent_since(store: &Store, since_ms: i64) -> Result<Vec<String>> {
    let mut conn = store.read().await?;
    sqlx::query_scalar("SELECT DISTINCT kind FROM outbox WHERE sent_at >= $1")
        .bind(since_ms)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// Sends rows again that the bus has lost: those sent since `since_ms` whose
/// `bus_ref` `lost` picks. Returns how many.
///
/// # Errors
/// Those of the database.
pub async fn resend(
    store: &Store,
    since_ms: i64,
    lost: impl Fn(&str) -> bool + Send,
) -> Result<usize> {
    let mut tx = store.begin().await?;
    let rows =
        sqlx::query("SELECT seq, bus_ref FROM outbox WHERE sent_at >= $1 AND bus_ref IS NOT NULL")
            .bind(since_ms)
            .fetch_all(&mut *tx)
            .await
            .db()?;
    let seqs: Vec<i64> = rows
        .iter()
        .filter(|row| lost(&row.get::<String, _>("bus_ref")))
        .map(|row| row.get("seq"))
        .collect();
    for chunk in seqs.chunks(500) {
        let sql = format!(
            "UPDATE outbox SET sent_at = NULL, bus_ref = NULL, claimed_until = 0 WHERE seq IN ({})",
            list(chunk)
        );
        sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .execute(&mut *tx)
            .await
            .db()?;
    }
    tx.commit().await?;
    Ok(seqs.len())
}

/// Deletes up to `limit` rows that were sent longer than `keep` ago. Returns
/// how many.
///
/// # Errors
/// Those of the database.
pub async fn purge(store: &Store, keep: Duration, limit: u32) -> Result<u64> {
    let mut tx = store.begin().await?;
    let before = tx.now_ms() - millis(keep);
    let done = sqlx::query(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox \
         WHERE sent_at IS NOT NULL AND sent_at < $1 ORDER BY sent_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::from(limit))
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Measures how far the relay is behind, and sets the metrics.
///
/// # Errors
/// Those of the database.
pub async fn lag(store: &Store) -> Result<Lag> {
    let mut conn = store.read().await?;
    let row = sqlx::query(
        "SELECT COUNT(*) AS pending, CAST(MIN(occurred_at) AS BIGINT) AS oldest \
         FROM outbox WHERE sent_at IS NULL",
    )
    .fetch_one(&mut *conn)
    .await
    .db()?;
    let oldest: Option<i64> = row.get("oldest");
    let lag = Lag {
        pending: row.get("pending"),
        oldest_ms: oldest.map_or(0, |at| (conn.now_ms() - at).max(0)),
    };
    store.shared().metrics.outbox(lag.pending, lag.oldest_ms);
    Ok(lag)
}

async fn has_unsent(store: &Store) -> Result<bool> {
    let mut conn = store.read().await?;
    let row = sqlx::query("SELECT seq FROM outbox WHERE sent_at IS NULL LIMIT 1")
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    Ok(row.is_some())
}

fn read(row: &AnyRow) -> Result<Claimed> {
    let json = |name| -> Result<serde_json::Value> {
        let text: String = row.try_get(name).db()?;
        serde_json::from_str(&text).map_err(Error::internal)
    };
    let event = EventEnvelope {
        id: row.try_get("id").db()?,
        kind: row.try_get("kind").db()?,
        subject: row.try_get("subject").db()?,
        occurred_at: row.try_get("occurred_at").db()?,
        context: serde_json::from_value(json("context")?).internal()?,
        data: json("data")?,
    };
    Ok(Claimed {
        seq: row.try_get("seq").db()?,
        event,
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Numbers as the inside of an `IN ()`. Numbers need no quoting.
fn list(seqs: &[i64]) -> String {
    let mut out = String::new();
    for seq in seqs {
        let comma = if out.is_empty() { "" } else { "," };
        let _ = write!(out, "{comma}{seq}");
    }
    out
}
