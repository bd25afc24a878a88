//! Callbacks of providers that were taken.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::provider::callback::Callback;

/// Notes a callback; false when it was taken before.
pub(crate) async fn first_time(
    conn: &mut Conn,
    provider: &str,
    callback: &Callback,
    now_ms: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO provider_callbacks (provider, id, operation_id, outcome, received_at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (provider, id) DO NOTHING",
    )
    .bind(provider)
    .bind(callback.id.as_str())
    .bind(callback.operation.as_str())
    .bind(callback.outcome.as_str())
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}
