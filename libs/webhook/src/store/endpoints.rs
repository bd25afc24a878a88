//! Rows of `webhook_endpoints`.

use shoal_error::{Error, Result, ResultExt as _};
use shoal_store::{Conn, SqlResultExt as _};

use crate::codes::WebhookCode;
use crate::endpoint::{Endpoint, EndpointState};
use crate::signature::Secret;

const COLUMNS: &str = "id, owner, url, description, event_types, state, \
    previous_expires_at, failing_since, last_success_at, created_at, updated_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    owner: String,
    url: String,
    description: String,
    event_types: String,
    state: String,
    previous_expires_at: Option<i64>,
    failing_since: Option<i64>,
    last_success_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn into_endpoint(self) -> Result<Endpoint> {
        Ok(Endpoint {
            event_types: serde_json::from_str(&self.event_types).internal()?,
            state: EndpointState::from_stored(&self.state),
            id: self.id,
            owner: self.owner,
            url: self.url,
            description: self.description,
            previous_secret_expires_at_ms: self.previous_expires_at,
            failing_since_ms: self.failing_since,
            last_success_at_ms: self.last_success_at,
            created_at_ms: self.created_at,
            updated_at_ms: self.updated_at,
        })
    }
}

pub(crate) async fn insert(conn: &mut Conn, endpoint: &Endpoint, secret: &Secret) -> Result<()> {
    sqlx::query(
        "INSERT INTO webhook_endpoints \
         (id, owner, url, description, event_types, state, secret, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&endpoint.id)
    .bind(&endpoint.owner)
    .bind(&endpoint.url)
    .bind(&endpoint.description)
    .bind(types_json(&endpoint.event_types))
    .bind(endpoint.state.as_str())
    .bind(secret.expose())
    .bind(endpoint.created_at_ms)
    .bind(endpoint.updated_at_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("webhook_endpoint_url_once", url_taken)
    .db()?;
    Ok(())
}

/// How many endpoints an owner has; serialise with [`lock_owner`] where it counts.
pub(crate) async fn count(conn: &mut Conn, owner: &str) -> Result<i64> {
    sqlx::query_scalar("SELECT COUNT(*) FROM webhook_endpoints WHERE owner = $1")
        .bind(owner)
        .fetch_one(&mut *conn)
        .await
        .db()
}

pub(crate) async fn get(conn: &mut Conn, owner: &str, id: &str) -> Result<Endpoint> {
    let sql = format!("SELECT {COLUMNS} FROM webhook_endpoints WHERE id = $1 AND owner = $2");
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .bind(owner)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.ok_or_else(|| not_found(id))?.into_endpoint()
}

/// Endpoints of an owner, oldest first; `after` is the last id of the page before.
pub(crate) async fn list(
    conn: &mut Conn,
    owner: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Endpoint>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_endpoints \
         WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(owner)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.into_iter().map(Row::into_endpoint).collect()
}

/// Writes what an owner may change.
pub(crate) async fn update(conn: &mut Conn, endpoint: &Endpoint) -> Result<()> {
    sqlx::query(
        "UPDATE webhook_endpoints SET url = $3, description = $4, event_types = $5, \
         state = $6, failing_since = $7, updated_at = $8 WHERE id = $1 AND owner = $2",
    )
    .bind(&endpoint.id)
    .bind(&endpoint.owner)
    .bind(&endpoint.url)
    .bind(&endpoint.description)
    .bind(types_json(&endpoint.event_types))
    .bind(endpoint.state.as_str())
    .bind(endpoint.failing_since_ms)
    .bind(endpoint.updated_at_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("webhook_endpoint_url_once", url_taken)
    .db()?;
    Ok(())
}

pub(crate) async fn delete(conn: &mut Conn, owner: &str, id: &str) -> Result<()> {
    let done = sqlx::query("DELETE FROM webhook_endpoints WHERE id = $1 AND owner = $2")
        .bind(id)
        .bind(owner)
        .execute(&mut *conn)
        .await
        .db()?;
    if done.rows_affected() == 0 {
        Err(not_found(id))
    } else {
        Ok(())
    }
}

/// Makes `secret` the current one; the one before signs until `overlap_until`.
pub(crate) async fn rotate(
    conn: &mut Conn,
    owner: &str,
    id: &str,
    secret: &Secret,
    overlap_until: i64,
    now: i64,
) -> Result<()> {
    let done = sqlx::query(
        "UPDATE webhook_endpoints SET previous_secret = secret, previous_expires_at = $4, \
         secret = $3, updated_at = $5 WHERE id = $1 AND owner = $2",
    )
    .bind(id)
    .bind(owner)
    .bind(secret.expose())
    .bind(overlap_until)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    if done.rows_affected() == 0 {
        Err(not_found(id))
    } else {
        Ok(())
    }
}

/// Active endpoints of an owner, for fanning an event out.
pub(crate) async fn active(conn: &mut Conn, owner: &str) -> Result<Vec<Endpoint>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_endpoints \
         WHERE owner = $1 AND state = 'active' ORDER BY id"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(owner)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.into_iter().map(Row::into_endpoint).collect()
}

/// Where and with which keys a claimed delivery goes, as of now.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secrets: Vec<Secret>,
}

/// The endpoint's URL and live secrets; `None` if it is gone.
pub(crate) async fn target(conn: &mut Conn, endpoint_id: &str, now: i64) -> Result<Option<Target>> {
    let row: Option<(String, String, Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT url, secret, previous_secret, previous_expires_at \
         FROM webhook_endpoints WHERE id = $1",
    )
    .bind(endpoint_id)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(row.map(|(url, secret, previous, expires)| {
        let mut secrets = vec![Secret::from_text(secret)];
        if expires.is_some_and(|at| at > now) {
            secrets.extend(previous.map(Secret::from_text));
        }
        Target { url, secrets }
    }))
}

/// Notes a success: the series of failures is over.
pub(crate) async fn succeeded(conn: &mut Conn, id: &str, now: i64) -> Result<()> {
    sqlx::query(
        "UPDATE webhook_endpoints SET failing_since = NULL, last_success_at = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// How long an endpoint has been failing, and whose it is.
#[derive(sqlx::FromRow)]
pub(crate) struct Health {
    pub(crate) owner: String,
    pub(crate) state: String,
    pub(crate) failing_since: Option<i64>,
}

/// Notes a failure, its receiver's if it has a time; `None` if the endpoint is
/// gone.
pub(crate) async fn failed(conn: &mut Conn, id: &str, at: Option<i64>) -> Result<Option<Health>> {
    sqlx::query_as(
        "UPDATE webhook_endpoints SET failing_since = COALESCE(failing_since, $2) \
         WHERE id = $1 RETURNING owner, state, failing_since",
    )
    .bind(id)
    .bind(at)
    .fetch_optional(&mut *conn)
    .await
    .db()
}

/// Switches a failing endpoint off; false if it wasn't on.
pub(crate) async fn auto_disable(conn: &mut Conn, id: &str, now: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE webhook_endpoints SET state = 'auto_disabled', updated_at = $2 \
         WHERE id = $1 AND state = 'active'",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() > 0)
}

fn types_json(types: &[String]) -> String {
    serde_json::Value::from(types.to_vec()).to_string()
}

fn url_taken() -> Error {
    Error::new(
        WebhookCode::UrlTaken,
        "You have already registered this URL.",
    )
}

pub(crate) fn not_found(id: &str) -> Error {
    Error::new(
        WebhookCode::EndpointNotFound,
        format!("There is no webhook endpoint {id:?}."),
    )
}
