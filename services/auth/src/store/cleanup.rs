//! Deletes what time has made meaningless, in portions that don't hold up others.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

/// Rows deleted at most by one statement.
pub(crate) const PORTION: i64 = 500;

/// What can be cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuse {
    /// Sessions that ended before the given time, with their tokens.
    Sessions,
    /// Refresh tokens of live sessions that expired before it.
    RefreshTokens,
    /// E-mail tokens that expired before it.
    Verifications,
    /// Revocations of access tokens that expired before it.
    Revocations,
    /// Counters of attempts to be forgotten by then.
    Throttles,
}

impl Refuse {
    /// Every kind.
    pub(crate) const ALL: [Self; 5] = [
        Self::Sessions,
        Self::RefreshTokens,
        Self::Verifications,
        Self::Revocations,
        Self::Throttles,
    ];

    /// For logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::RefreshTokens => "refresh_tokens",
            Self::Verifications => "verifications",
            Self::Revocations => "revocations",
            Self::Throttles => "throttles",
        }
    }

    fn statement(self) -> &'static str {
        match self {
            Self::Sessions => {
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
                 WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2)"
            }
            Self::RefreshTokens => {
                "DELETE FROM refresh_tokens WHERE token_hash IN (SELECT token_hash \
                 FROM refresh_tokens WHERE expires_at <= $1 LIMIT $2)"
            }
            Self::Verifications => {
                "DELETE FROM email_verifications WHERE token_hash IN (SELECT token_hash \
                 FROM email_verifications WHERE expires_at <= $1 LIMIT $2)"
            }
            Self::Revocations => {
                "DELETE FROM revoked_access_tokens WHERE jti IN (SELECT jti \
                 FROM revoked_access_tokens WHERE expires_at <= $1 LIMIT $2)"
            }
            Self::Throttles => {
                "DELETE FROM throttles WHERE subject IN (SELECT subject FROM throttles \
                 WHERE forget_at <= $1 AND locked_until <= $1 LIMIT $2)"
            }
        }
    }
}

/// Deletes up to [`PORTION`] rows that ended at or before `before_ms`; how many.
pub(crate) async fn delete(conn: &mut Conn, refuse: Refuse, before_ms: i64) -> Result<u64> {
    let done = sqlx::query(refuse.statement())
        .bind(before_ms)
        .bind(PORTION)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(done.rows_affected())
}
