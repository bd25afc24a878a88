//! Which events a consumer group has dealt with, so that delivery at least once
//! has its effect once.

use std::time::Duration;

use shoal_error::Result;

use crate::Store;
use crate::conn::Tx;
use crate::error::SqlResultExt as _;

/// Notes that `group` deals with the event in this transaction. False when it
/// did so before; then the caller has nothing to do.
///
/// # Errors
/// Those of the database.
pub async fn first_time(tx: &mut Tx, group: &str, event_id: &str) -> Result<bool> {
    let now = tx.now_ms();
    let done = sqlx::query(
        "INSERT INTO inbox (consumer, event_id, received_at) VALUES ($1, $2, $3) \
         ON CONFLICT (consumer, event_id) DO NOTHING",
    )
    .bind(group)
    .bind(event_id)
    .bind(now)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Forgets up to `limit` events that were dealt with longer than `keep` ago.
/// `keep` must exceed the time in which a bus can deliver again.
///
/// # Errors
/// Those of the database.
pub async fn purge(store: &Store, keep: Duration, limit: u32) -> Result<u64> {
    let mut tx = store.begin().await?;
    let before = tx.now_ms() - i64::try_from(keep.as_millis()).unwrap_or(i64::MAX / 4);
    let done = sqlx::query(
        "DELETE FROM inbox WHERE (consumer, event_id) IN (SELECT consumer, event_id FROM inbox \
         WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::from(limit))
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await?;
    Ok(done.rows_affected())
}
