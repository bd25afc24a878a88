//! Users, their password hashes and roles.

use shoal_error::{Error, Result};
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::AssertSqlSafe;

use super::corrupt;
use crate::codes::AuthCode;
use crate::domain::email::Email;
use crate::domain::role::Role;
use crate::domain::user::{Status, User};

/// A user to be.
#[derive(Clone, Debug)]
pub(crate) struct NewUser<'a> {
    pub(crate) id: &'a str,
    pub(crate) email: &'a Email,
    pub(crate) display_name: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) email_verified_at_ms: Option<i64>,
    pub(crate) now_ms: i64,
}

/// A user with what proves that it is theirs.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: User,
    /// PHC string.
    pub(crate) password_hash: String,
}

macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.email, u.display_name, u.status, u.email_verified_at, ",
            "u.created_at, u.updated_at, u.password_hash, ",
            "(SELECT string_agg(r.role, ',') FROM user_roles r WHERE r.user_id = u.id) AS roles ",
            "FROM users u ",
            $rest
        )
    };
}

/// Adds a user without roles. 409 `auth.email_taken`.
pub(crate) async fn insert(conn: &mut Conn, user: &NewUser<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO users (id, email, display_name, password_hash, status, email_verified_at, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, 'active', $5, $6, $6)",
    )
    .bind(user.id)
    .bind(user.email.as_str())
    .bind(user.display_name)
    .bind(user.password_hash)
    .bind(user.email_verified_at_ms)
    .bind(user.now_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("users_email_unique", || {
        Error::new(
            AuthCode::EmailTaken,
            "An account with this e-mail address exists.",
        )
        .with_field("/email", "is in use")
    })
    .db()?;
    Ok(())
}

/// The user of that id.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<User>> {
    Ok(credentials(conn, id).await?.map(|c| c.user))
}

/// The user of that id, with the password hash.
pub(crate) async fn credentials(conn: &mut Conn, id: &str) -> Result<Option<Credentials>> {
    let row: Option<Row> = sqlx::query_as(select_users!("WHERE u.id = $1"))
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map(Row::into_credentials).transpose()
}

/// The user of that address, with the password hash.
pub(crate) async fn credentials_by_email(
    conn: &mut Conn,
    email: &Email,
) -> Result<Option<Credentials>> {
    let row: Option<Row> = sqlx::query_as(select_users!("WHERE u.email = $1"))
        .bind(email.as_str())
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map(Row::into_credentials).transpose()
}

/// Up to `limit` users after the id `after`, oldest first.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<User>> {
    let rows: Vec<Row> = sqlx::query_as(select_users!("WHERE u.id > $1 ORDER BY u.id LIMIT $2"))
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.into_iter()
        .map(|row| Ok(row.into_credentials()?.user))
        .collect()
}

/// Those of `ids` that exist, sorted by id.
pub(crate) async fn batch(conn: &mut Conn, ids: &[String]) -> Result<Vec<User>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "{} ({}) ORDER BY u.id",
        select_users!("WHERE u.id IN"),
        places.join(", ")
    );
    // Only numbered placeholders were put into the text.
    let mut query = sqlx::query_as::<_, Row>(AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(id.clone());
    }
    let rows = query.fetch_all(&mut *conn).await.db()?;
    rows.into_iter()
        .map(|row| Ok(row.into_credentials()?.user))
        .collect()
}

/// Replaces the password hash. `from` is the hash that was verified: when it is
/// no longer the stored one, somebody else changed the password meanwhile and
/// nothing happens.
pub(crate) async fn replace_password(
    conn: &mut Conn,
    id: &str,
    from: &str,
    to: &str,
    now_ms: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2",
    )
    .bind(id)
    .bind(from)
    .bind(to)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the address was proved; false when it was before.
pub(crate) async fn mark_verified(conn: &mut Conn, id: &str, now_ms: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE users SET email_verified_at = $2, updated_at = $2 \
         WHERE id = $1 AND email_verified_at IS NULL",
    )
    .bind(id)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Changes the state of an account; false when it was in it, or there is none.
pub(crate) async fn set_status(
    conn: &mut Conn,
    id: &str,
    status: Status,
    now_ms: i64,
) -> Result<bool> {
    let done =
        sqlx::query("UPDATE users SET status = $2, updated_at = $3 WHERE id = $1 AND status <> $2")
            .bind(id)
            .bind(status.as_str())
            .bind(now_ms)
            .execute(&mut *conn)
            .await
            .db()?;
    Ok(done.rows_affected() == 1)
}

/// Gives a role; false when the user has it. 404 `auth.user_not_found`.
pub(crate) async fn grant_role(
    conn: &mut Conn,
    id: &str,
    role: &Role,
    granted_by: &str,
    now_ms: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO user_roles (user_id, role, granted_by, granted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id, role) DO NOTHING",
    )
    .bind(id)
    .bind(role.as_str())
    .bind(granted_by)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("user_roles_user_fk", || user_not_found(id))
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Takes a role; false when the user has it not.
pub(crate) async fn revoke_role(conn: &mut Conn, id: &str, role: &Role) -> Result<bool> {
    let done = sqlx::query("DELETE FROM user_roles WHERE user_id = $1 AND role = $2")
        .bind(id)
        .bind(role.as_str())
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(done.rows_affected() == 1)
}

/// How many users have the role and may log in.
pub(crate) async fn count_active_with_role(conn: &mut Conn, role: &Role) -> Result<i64> {
    sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM user_roles r JOIN users u ON u.id = r.user_id \
         WHERE r.role = $1 AND u.status = 'active'",
    )
    .bind(role.as_str())
    .fetch_one(&mut *conn)
    .await
    .db()
}

/// The 404 of a user that is not there.
pub(crate) fn user_not_found(id: &str) -> Error {
    Error::new(AuthCode::UserNotFound, format!("There is no user {id:?}."))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    email: String,
    display_name: String,
    status: String,
    email_verified_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    password_hash: String,
    roles: Option<String>,
}

impl Row {
    fn into_credentials(self) -> Result<Credentials> {
        let status = Status::parse(&self.status).ok_or_else(|| corrupt("status", &self.id))?;
        let mut roles: Vec<String> = self
            .roles
            .iter()
            .flat_map(|r| r.split(','))
            .map(str::to_owned)
            .collect();
        roles.sort_unstable();
        let user = User {
            id: self.id,
            email: Email::from_stored(self.email),
            email_verified_at_ms: self.email_verified_at,
            display_name: self.display_name,
            status,
            roles,
            created_at_ms: self.created_at,
            updated_at_ms: self.updated_at,
        };
        Ok(Credentials {
            user,
            password_hash: self.password_hash,
        })
    }
}
