//! Who redrove or discarded what, and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shoal_context::Context;
use shoal_error::{Result, ResultExt as _};
use shoal_store::{Conn, SqlResultExt as _, Tx};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::queues::{Acted, Order};

/// What an administrator does with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Has them tried again.
    Redrive,
    /// Gives them up for good.
    Discard,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }
}

/// One thing that an administrator did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionRecord {
    /// `dla_…`.
    pub id: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who.
    pub by: String,
    /// `redrive` or `discard`.
    pub action: String,
    /// Why, in their words.
    pub why: String,
    /// Queue; empty for all.
    pub queue: String,
    /// What was asked for.
    pub selection: Value,
    /// What it came to; empty too when the process ended in the middle of it.
    pub letters: Value,
    /// Request in which it was asked for.
    pub request_id: String,
}

/// Notes what is about to be done, before it is done.
pub(crate) async fn begin(tx: &mut Tx, order: &Order) -> Result<String> {
    let (id, now) = (shoal_store::id::new("dla"), tx.now_ms());
    let request_id = Context::current().meta().request_id.clone();
    sqlx::query(
        "INSERT INTO dead_letter_actions (id, at, by_user, action, reason, queue, selection, \
         letters, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, '[]', $8)",
    )
    .bind(&id)
    .bind(now)
    .bind(&order.by)
    .bind(order.action.as_str())
    .bind(&order.reason)
    .bind(order.queue.as_deref().unwrap_or_default())
    .bind(serde_json::to_string(&order.selection).internal()?)
    .bind(request_id.unwrap_or_default())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(id)
}

/// Notes what it came to.
pub(crate) async fn end(tx: &mut Tx, id: &str, acted: &Acted) -> Result<()> {
    sqlx::query("UPDATE dead_letter_actions SET letters = $2 WHERE id = $1")
        .bind(id)
        .bind(serde_json::to_string(&acted.letters).internal()?)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// What was done before `before` (an id; empty for the newest), newest first.
pub(crate) async fn list(conn: &mut Conn, before: &str, limit: i64) -> Result<Vec<ActionRecord>> {
    let rows = sqlx::query(
        "SELECT * FROM dead_letter_actions WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await
    .db()?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<ActionRecord> {
    let json = |column: &str| -> Result<Value> {
        serde_json::from_str(&row.try_get::<String, _>(column).db()?).internal()
    };
    Ok(ActionRecord {
        selection: json("selection")?,
        letters: json("letters")?,
        id: row.try_get("id").db()?,
        at_ms: row.try_get("at").db()?,
        by: row.try_get("by_user").db()?,
        action: row.try_get("action").db()?,
        why: row.try_get("reason").db()?,
        queue: row.try_get("queue").db()?,
        request_id: row.try_get("request_id").db()?,
    })
}
