//! Tokens that prove an e-mail address: one per user, the newest.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::opaque::SecretHash;

/// A token that was taken out.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Taken {
    pub(crate) user_id: String,
    pub(crate) expires_at: i64,
}

/// Keeps a token instead of the user's earlier one.
pub(crate) async fn replace(
    conn: &mut Conn,
    user_id: &str,
    token: &SecretHash,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO email_verifications (token_hash, user_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, \
         created_at = excluded.created_at, expires_at = excluded.expires_at",
    )
    .bind(token.as_str())
    .bind(user_id)
    .bind(now_ms)
    .bind(expires_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Removes a token and says whose it was: it works once.
pub(crate) async fn take(conn: &mut Conn, token: &SecretHash) -> Result<Option<Taken>> {
    sqlx::query_as(
        "DELETE FROM email_verifications WHERE token_hash = $1 RETURNING user_id, expires_at",
    )
    .bind(token.as_str())
    .fetch_optional(&mut *conn)
    .await
    .db()
}

/// When the user's token was made, if there is one.
pub(crate) async fn created_at_ms(conn: &mut Conn, user_id: &str) -> Result<Option<i64>> {
    sqlx::query_scalar("SELECT created_at FROM email_verifications WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *conn)
        .await
        .db()
}
