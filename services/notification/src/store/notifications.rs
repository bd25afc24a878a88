//! Rows of `notifications`.

use shoal_error::Result;
use shoal_queue::Binds;
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::AssertSqlSafe;

/// That none of its deliveries will be rendered again.
const ENDED: &str = "NOT EXISTS (SELECT 1 FROM deliveries d WHERE \
    d.notification_id = notifications.id AND d.state <> 'delivered' AND d.discarded_at IS NULL)";

/// A notification as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Notification {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) template: String,
    pub(crate) category: String,
    pub(crate) locale: String,
    /// JSON; `None` once everything is delivered or discarded.
    pub(crate) data: Option<String>,
    pub(crate) dedupe_key: String,
    pub(crate) fingerprint: String,
    /// JSON map.
    pub(crate) context: String,
    pub(crate) created_at: i64,
}

/// Keeps a notification; false if its key was used before.
pub(crate) async fn insert(conn: &mut Conn, new: &Notification) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO notifications (id, user_id, template, category, locale, data, dedupe_key, \
         fingerprint, context, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (dedupe_key) DO NOTHING",
    )
    .bind(&new.id)
    .bind(&new.user_id)
    .bind(&new.template)
    .bind(&new.category)
    .bind(&new.locale)
    .bind(new.data.as_deref())
    .bind(&new.dedupe_key)
    .bind(&new.fingerprint)
    .bind(&new.context)
    .bind(new.created_at)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() > 0)
}

/// The notification that a key was used for.
pub(crate) async fn by_key(conn: &mut Conn, dedupe_key: &str) -> Result<Option<Notification>> {
    sqlx::query_as("SELECT * FROM notifications WHERE dedupe_key = $1")
        .bind(dedupe_key)
        .fetch_optional(&mut *conn)
        .await
        .db()
}

/// A notification by id.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Notification>> {
    sqlx::query_as("SELECT * FROM notifications WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()
}

/// Erases the content (tokens, amounts) once nothing will be rendered again.
pub(crate) async fn erase_if_done(conn: &mut Conn, id: &str) -> Result<()> {
    let sql = format!("UPDATE notifications SET data = NULL WHERE id = $1 AND {ENDED}");
    sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(())
}

/// Like [`erase_if_done`], for the notifications of these deliveries.
pub(crate) async fn erase_of(conn: &mut Conn, deliveries: &[String]) -> Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let mut binds = Binds::default();
    let marks: Vec<String> = deliveries.iter().map(|id| binds.text(id)).collect();
    let sql = format!(
        "UPDATE notifications SET data = NULL WHERE id IN \
         (SELECT notification_id FROM deliveries WHERE id IN ({})) AND {ENDED}",
        marks.join(", ")
    );
    binds.query(sql).execute(&mut *conn).await.db()?;
    Ok(())
}

/// Removes notifications made before `before` that wait for nothing, with their
/// deliveries; answers how many.
pub(crate) async fn prune(conn: &mut Conn, before: i64, limit: i64) -> Result<u64> {
    let sql = format!(
        "DELETE FROM notifications WHERE id IN \
         (SELECT id FROM notifications WHERE created_at < $1 AND {ENDED} LIMIT $2)"
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(before)
        .bind(limit)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(done.rows_affected())
}

/// Whether [`prune`] may find anything.
pub(crate) async fn any_older(conn: &mut Conn, before: i64) -> Result<bool> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM notifications WHERE created_at < $1 LIMIT 1")
            .bind(before)
            .fetch_optional(&mut *conn)
            .await
            .db()?;
    Ok(found.is_some())
}
