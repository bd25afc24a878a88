//! Counters of attempts.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::throttle::Counter;

/// Until when the subject is locked; 0 when it is not known.
pub(crate) async fn locked_until_ms(conn: &mut Conn, subject: &str) -> Result<i64> {
    let until: Option<i64> =
        sqlx::query_scalar("SELECT locked_until FROM throttles WHERE subject = $1")
            .bind(subject)
            .fetch_optional(&mut *conn)
            .await
            .db()?;
    Ok(until.unwrap_or(0))
}

/// Reads a counter and locks it until the transaction ends; makes it if missing.
pub(crate) async fn lock(conn: &mut Conn, subject: &str, now_ms: i64) -> Result<Counter> {
    let (failures, locked_until_ms, updated_at_ms): (i64, i64, i64) = sqlx::query_as(
        "INSERT INTO throttles (subject, failures, locked_until, updated_at, forget_at) \
         VALUES ($1, 0, 0, $2, $2) \
         ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject \
         RETURNING failures, locked_until, updated_at",
    )
    .bind(subject)
    .bind(now_ms)
    .fetch_one(&mut *conn)
    .await
    .db()?;
    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
    Ok(Counter {
        failures,
        locked_until_ms,
        updated_at_ms,
    })
}

/// Writes a counter that was locked before. It may be deleted at `forget_at_ms`.
pub(crate) async fn write(
    conn: &mut Conn,
    subject: &str,
    counter: &Counter,
    forget_at_ms: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE throttles SET failures = $2, locked_until = $3, updated_at = $4, forget_at = $5 \
         WHERE subject = $1",
    )
    .bind(subject)
    .bind(i64::from(counter.failures))
    .bind(counter.locked_until_ms)
    .bind(counter.updated_at_ms)
    .bind(forget_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Forgets a counter.
pub(crate) async fn clear(conn: &mut Conn, subject: &str) -> Result<()> {
    sqlx::query("DELETE FROM throttles WHERE subject = $1")
        .bind(subject)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(())
}
