//! Access tokens that were revoked before they expired (RFC 7009). Only
//! introspection looks here; who checks tokens alone trusts them until `exp`.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

/// Notes a token as revoked until it would have expired anyway.
pub(crate) async fn insert(
    conn: &mut Conn,
    token_id: &str,
    expires_at_ms: i64,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO revoked_access_tokens (jti, expires_at, revoked_at) VALUES ($1, $2, $3) \
         ON CONFLICT (jti) DO NOTHING",
    )
    .bind(token_id)
    .bind(expires_at_ms)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Whether the token was revoked.
pub(crate) async fn contains(conn: &mut Conn, token_id: &str) -> Result<bool> {
    let found: Option<(String,)> =
        sqlx::query_as("SELECT jti FROM revoked_access_tokens WHERE jti = $1")
            .bind(token_id)
            .fetch_optional(&mut *conn)
            .await
            .db()?;
    Ok(found.is_some())
}
