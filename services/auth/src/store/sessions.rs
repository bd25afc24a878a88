//! Sessions and the families of refresh tokens that keep them alive.

use shoal_error::Result;
use shoal_proto::events::auth::RevocationReason;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::opaque::SecretHash;
use crate::domain::session::Presented;

/// A session to be.
#[derive(Clone, Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) user_agent: &'a str,
    pub(crate) address: &'a str,
    pub(crate) now_ms: i64,
    pub(crate) expires_at_ms: i64,
}

/// A session as its owner sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_agent: String,
    pub(crate) address: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: i64,
    pub(crate) expires_at: i64,
}

/// A presented refresh token with its session and user.
#[derive(Clone, Debug)]
pub(crate) struct PresentedToken {
    pub(crate) session_id: String,
    pub(crate) user_id: String,
    pub(crate) issued_at_ms: i64,
    pub(crate) facts: Presented,
}

/// Adds a session.
pub(crate) async fn insert(conn: &mut Conn, session: &NewSession<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, user_agent, address, created_at, last_used_at, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)",
    )
    .bind(session.id)
    .bind(session.user_id)
    .bind(session.user_agent)
    .bind(session.address)
    .bind(session.now_ms)
    .bind(session.expires_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Adds the live token of a session; the one before must be rotated first.
pub(crate) async fn insert_token(
    conn: &mut Conn,
    session_id: &str,
    token: &SecretHash,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(token.as_str())
    .bind(session_id)
    .bind(now_ms)
    .bind(expires_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Reads a presented token and locks it until the transaction ends, so that of
/// two who present it at once the second sees what the first did.
pub(crate) async fn present(
    conn: &mut Conn,
    token: &SecretHash,
    now_ms: i64,
) -> Result<Option<PresentedToken>> {
    let locked: Option<(String,)> = sqlx::query_as(
        "UPDATE refresh_tokens SET presented_at = $2 WHERE token_hash = $1 RETURNING session_id",
    )
    .bind(token.as_str())
    .bind(now_ms)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    if locked.is_none() {
        return Ok(None);
    }
    look(conn, token).await
}

/// Reads a token without locking it.
pub(crate) async fn look(conn: &mut Conn, token: &SecretHash) -> Result<Option<PresentedToken>> {
    let row: Option<TokenRow> = sqlx::query_as(
        "SELECT t.session_id, t.issued_at, t.expires_at, t.rotated_at, s.user_id, \
         s.expires_at AS session_expires_at, s.revoked_at, u.status \
         FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id \
         JOIN users u ON u.id = s.user_id WHERE t.token_hash = $1",
    )
    .bind(token.as_str())
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(row.map(TokenRow::into_presented))
}

/// Notes that a token was replaced and its session used.
pub(crate) async fn rotate_token(
    conn: &mut Conn,
    session_id: &str,
    token: &SecretHash,
    now_ms: i64,
) -> Result<()> {
    sqlx::query("UPDATE refresh_tokens SET rotated_at = $2 WHERE token_hash = $1")
        .bind(token.as_str())
        .bind(now_ms)
        .execute(&mut *conn)
        .await
        .db()?;
    sqlx::query("UPDATE sessions SET last_used_at = $2 WHERE id = $1")
        .bind(session_id)
        .bind(now_ms)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(())
}

/// Ends one session of a user; false when it was ended or there is none.
pub(crate) async fn revoke(
    conn: &mut Conn,
    user_id: &str,
    session_id: &str,
    reason: RevocationReason,
    now_ms: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE sessions SET revoked_at = $3, revoke_reason = $4 \
         WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(session_id)
    .bind(user_id)
    .bind(now_ms)
    .bind(reason_name(reason))
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a user but `keep` (`""` keeps none); their ids, sorted.
pub(crate) async fn revoke_all(
    conn: &mut Conn,
    user_id: &str,
    keep: &str,
    reason: RevocationReason,
    now_ms: i64,
) -> Result<Vec<String>> {
    let mut ids: Vec<String> = sqlx::query_scalar(
        "UPDATE sessions SET revoked_at = $3, revoke_reason = $4 \
         WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > $3 RETURNING id",
    )
    .bind(user_id)
    .bind(keep)
    .bind(now_ms)
    .bind(reason_name(reason))
    .fetch_all(&mut *conn)
    .await
    .db()?;
    ids.sort_unstable();
    Ok(ids)
}

/// Live sessions of a user, oldest first.
pub(crate) async fn list_live(
    conn: &mut Conn,
    user_id: &str,
    now_ms: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<Session>> {
    sqlx::query_as(
        "SELECT id, user_agent, address, created_at, last_used_at, expires_at FROM sessions \
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND id > $3 \
         ORDER BY id LIMIT $4",
    )
    .bind(user_id)
    .bind(now_ms)
    .bind(after)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await
    .db()
}

/// Whether the session is live and its user may log in.
pub(crate) async fn is_live(conn: &mut Conn, session_id: &str, now_ms: i64) -> Result<bool> {
    let found: Option<(String,)> = sqlx::query_as(
        "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 \
         AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.status = 'active'",
    )
    .bind(session_id)
    .bind(now_ms)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

fn reason_name(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::LogOut => "log_out",
        RevocationReason::LogOutEverywhere => "log_out_everywhere",
        RevocationReason::PasswordChanged => "password_changed",
        RevocationReason::RefreshReuse => "refresh_reuse",
        RevocationReason::TokenRevoked => "token_revoked",
        RevocationReason::Suspended => "suspended",
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    session_id: String,
    issued_at: i64,
    expires_at: i64,
    rotated_at: Option<i64>,
    user_id: String,
    session_expires_at: i64,
    revoked_at: Option<i64>,
    status: String,
}

impl TokenRow {
    fn into_presented(self) -> PresentedToken {
        PresentedToken {
            session_id: self.session_id,
            user_id: self.user_id,
            issued_at_ms: self.issued_at,
            facts: Presented {
                rotated_at_ms: self.rotated_at,
                token_expires_at_ms: self.expires_at,
                session_expires_at_ms: self.session_expires_at,
                session_revoked: self.revoked_at.is_some(),
                user_active: self.status == "active",
            },
        }
    }
}
