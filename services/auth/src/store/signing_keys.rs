//! Signing keys: public half in the clear, secret half sealed.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use super::corrupt;
use crate::domain::access_token::PublicKey;
use crate::domain::signing_key::{KeyInfo, KeyState};

/// A key as stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    pub(crate) info: KeyInfo,
    pub(crate) public: PublicKey,
    /// See [`crate::domain::sealing`].
    pub(crate) sealed_seed: String,
}

/// All keys, oldest first.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<StoredKey>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT kid, state, sealed_seed, public_key, created_at, activated_at, retired_at \
         FROM signing_keys ORDER BY kid",
    )
    .fetch_all(&mut *conn)
    .await
    .db()?;
    rows.into_iter().map(Row::into_key).collect()
}

/// Adds a key.
pub(crate) async fn insert(conn: &mut Conn, key: &StoredKey) -> Result<()> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, state, sealed_seed, public_key, created_at, activated_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&key.info.kid)
    .bind(key.info.state.as_str())
    .bind(&key.sealed_seed)
    .bind(key.public.as_str())
    .bind(key.info.created_at_ms)
    .bind(key.info.activated_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// The next key begins to sign.
pub(crate) async fn activate(conn: &mut Conn, kid: &str, now_ms: i64) -> Result<()> {
    sqlx::query(
        "UPDATE signing_keys SET state = 'active', activated_at = $2 \
         WHERE kid = $1 AND state = 'next'",
    )
    .bind(kid)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// The active key stops signing.
pub(crate) async fn retire(conn: &mut Conn, kid: &str, now_ms: i64) -> Result<()> {
    sqlx::query(
        "UPDATE signing_keys SET state = 'retired', retired_at = $2 \
         WHERE kid = $1 AND state = 'active'",
    )
    .bind(kid)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Forgets a retired key.
pub(crate) async fn delete(conn: &mut Conn, kid: &str) -> Result<()> {
    sqlx::query("DELETE FROM signing_keys WHERE kid = $1 AND state = 'retired'")
        .bind(kid)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: String,
    state: String,
    sealed_seed: String,
    public_key: String,
    created_at: i64,
    activated_at: Option<i64>,
    retired_at: Option<i64>,
}

impl Row {
    fn into_key(self) -> Result<StoredKey> {
        let state = KeyState::parse(&self.state).ok_or_else(|| corrupt("state", &self.kid))?;
        Ok(StoredKey {
            info: KeyInfo {
                kid: self.kid,
                state,
                created_at_ms: self.created_at,
                activated_at_ms: self.activated_at,
                retired_at_ms: self.retired_at,
            },
            public: PublicKey::from_stored(self.public_key),
            sealed_seed: self.sealed_seed,
        })
    }
}
