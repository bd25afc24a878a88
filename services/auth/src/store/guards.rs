//! Locks that last until the end of the transaction, on either engine.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

/// What one transaction at a time may change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    /// Who is an administrator: the last one must stay.
    Admins,
    /// The set of signing keys.
    SigningKeys,
}

/// Waits for other holders and holds until the transaction ends. An upsert,
/// because writing a row locks it everywhere.
pub(crate) async fn hold(conn: &mut Conn, guard: Guard, now_ms: i64) -> Result<()> {
    let name = match guard {
        Guard::Admins => "admins",
        Guard::SigningKeys => "signing_keys",
    };
    sqlx::query(
        "INSERT INTO guards (name, touched_at) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET touched_at = excluded.touched_at",
    )
    .bind(name)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}
