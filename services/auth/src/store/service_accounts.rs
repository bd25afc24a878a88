//! Service accounts: programs that get tokens of their own.

use shoal_error::{Error, Result};
use shoal_store::{Conn, SqlResultExt as _};

use super::corrupt;
use crate::codes::AuthCode;
use crate::domain::opaque::SecretHash;
use crate::domain::role::Role;

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Sorted.
    pub(crate) roles: Vec<String>,
    pub(crate) secret: SecretHash,
    pub(crate) created_by: String,
    pub(crate) created_at_ms: i64,
    pub(crate) disabled_at_ms: Option<i64>,
}

macro_rules! select_accounts {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, secret_hash, roles, created_by, created_at, disabled_at ",
            "FROM service_accounts ",
            $rest
        )
    };
}

/// Adds an account. 409 `auth.service_account_exists`.
pub(crate) async fn insert(conn: &mut Conn, account: &ServiceAccount) -> Result<()> {
    sqlx::query(
        "INSERT INTO service_accounts (id, name, secret_hash, roles, created_by, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(&account.id)
    .bind(&account.name)
    .bind(account.secret.as_str())
    .bind(account.roles.join(","))
    .bind(&account.created_by)
    .bind(account.created_at_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("service_accounts_name_unique", || {
        Error::new(
            AuthCode::ServiceAccountExists,
            "A service account of this name exists.",
        )
        .with_field("/name", "is in use")
    })
    .db()?;
    Ok(())
}

/// The account of that id, disabled or not.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<ServiceAccount>> {
    let row: Option<Row> = sqlx::query_as(select_accounts!("WHERE id = $1"))
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map(Row::into_account).transpose()
}

/// Up to `limit` accounts after the id `after`, oldest first.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<ServiceAccount>> {
    let rows: Vec<Row> = sqlx::query_as(select_accounts!("WHERE id > $1 ORDER BY id LIMIT $2"))
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.into_iter().map(Row::into_account).collect()
}

/// Replaces the secret of a live account; false when there is none.
pub(crate) async fn set_secret(
    conn: &mut Conn,
    id: &str,
    secret: &SecretHash,
    now_ms: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE service_accounts SET secret_hash = $2, updated_at = $3 \
         WHERE id = $1 AND disabled_at IS NULL",
    )
    .bind(id)
    .bind(secret.as_str())
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Disables a live account for good; false when there is none.
pub(crate) async fn disable(conn: &mut Conn, id: &str, now_ms: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE service_accounts SET disabled_at = $2, updated_at = $2 \
         WHERE id = $1 AND disabled_at IS NULL",
    )
    .bind(id)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    secret_hash: String,
    roles: String,
    created_by: String,
    created_at: i64,
    disabled_at: Option<i64>,
}

impl Row {
    fn into_account(self) -> Result<ServiceAccount> {
        let roles: Vec<String> = self
            .roles
            .split(',')
            .filter(|r| !r.is_empty())
            .map(str::to_owned)
            .collect();
        if roles.iter().any(|r| Role::parse(r).is_err()) {
            return Err(corrupt("roles", &self.id));
        }
        Ok(ServiceAccount {
            id: self.id,
            name: self.name,
            roles,
            secret: SecretHash::from_stored(self.secret_hash),
            created_by: self.created_by,
            created_at_ms: self.created_at,
            disabled_at_ms: self.disabled_at,
        })
    }
}
