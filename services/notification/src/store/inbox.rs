//! Rows of `inbox_items` and `inbox_positions`.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::AssertSqlSafe;

/// An inbox item as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) position: i64,
    pub(crate) category: String,
    pub(crate) template: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) link: String,
    pub(crate) created_at: i64,
    pub(crate) read_at: Option<i64>,
}

const COLUMNS: &str = "id, position, category, template, title, body, link, created_at, read_at";

/// An item to be kept.
pub(crate) struct NewItem<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) delivery_id: &'a str,
    pub(crate) category: &'a str,
    pub(crate) template: &'a str,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    pub(crate) link: &'a str,
    pub(crate) now: i64,
}

/// Adds an item at the user's next position and answers it. The row of
/// `inbox_positions` stays locked until the commit, which makes positions
/// visible in their order.
pub(crate) async fn add(conn: &mut Conn, new: &NewItem<'_>) -> Result<i64> {
    let position: i64 = sqlx::query_scalar(
        "INSERT INTO inbox_positions (user_id, last) VALUES ($1, 1) \
         ON CONFLICT (user_id) DO UPDATE SET last = inbox_positions.last + 1 RETURNING last",
    )
    .bind(new.user_id)
    .fetch_one(&mut *conn)
    .await
    .db()?;
    sqlx::query(
        "INSERT INTO inbox_items (id, user_id, position, delivery_id, category, template, title, \
         body, link, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (delivery_id) DO NOTHING",
    )
    .bind(shoal_store::id::new("inb"))
    .bind(new.user_id)
    .bind(position)
    .bind(new.delivery_id)
    .bind(new.category)
    .bind(new.template)
    .bind(new.title)
    .bind(new.body)
    .bind(new.link)
    .bind(new.now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(position)
}

/// Items of a user, newest first; `before` is the last position of the page
/// before, or `i64::MAX`.
pub(crate) async fn list(
    conn: &mut Conn,
    user_id: &str,
    unread_only: bool,
    before: i64,
    limit: i64,
) -> Result<Vec<Item>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inbox_items WHERE user_id = $1 AND position < $2 \
         AND ($3 = 0 OR read_at IS NULL) ORDER BY position DESC LIMIT $4"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(user_id)
        .bind(before)
        .bind(i64::from(unread_only))
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// Items of a user after a position, oldest first: what a stream catches up on.
pub(crate) async fn after(
    conn: &mut Conn,
    user_id: &str,
    position: i64,
    limit: i64,
) -> Result<Vec<Item>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inbox_items WHERE user_id = $1 AND position > $2 \
         ORDER BY position LIMIT $3"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(user_id)
        .bind(position)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// The last position that a user's inbox gave out; 0 for an empty one.
pub(crate) async fn last_position(conn: &mut Conn, user_id: &str) -> Result<i64> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT last FROM inbox_positions WHERE user_id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await
            .db()?;
    Ok(last.unwrap_or(0))
}

/// The last positions of several users, in one query for all live streams.
pub(crate) async fn last_positions(
    conn: &mut Conn,
    user_ids: &[String],
) -> Result<Vec<(String, i64)>> {
    let places: Vec<String> = (1..=user_ids.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "SELECT user_id, last FROM inbox_positions WHERE user_id IN ({})",
        places.join(", ")
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    user_ids
        .iter()
        .fold(query, sqlx::query::QueryAs::bind)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// How many items a user has not read.
pub(crate) async fn unread(conn: &mut Conn, user_id: &str) -> Result<i64> {
    sqlx::query_scalar("SELECT COUNT(*) FROM inbox_items WHERE user_id = $1 AND read_at IS NULL")
        .bind(user_id)
        .fetch_one(&mut *conn)
        .await
        .db()
}

/// Marks an item read or unread; `None` if the user has no such item.
pub(crate) async fn mark(
    conn: &mut Conn,
    user_id: &str,
    id: &str,
    read_at: Option<i64>,
) -> Result<Option<Item>> {
    // The time of the first reading stays when an item is marked read again.
    let sql = format!(
        "UPDATE inbox_items SET read_at = CASE WHEN $3 IS NULL THEN NULL \
         ELSE COALESCE(read_at, $3) END WHERE id = $1 AND user_id = $2 RETURNING {COLUMNS}"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(id)
        .bind(user_id)
        .bind(read_at)
        .fetch_optional(&mut *conn)
        .await
        .db()
}

/// Marks everything up to a position read; answers how many items changed.
pub(crate) async fn mark_all(conn: &mut Conn, user_id: &str, up_to: i64, now: i64) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE inbox_items SET read_at = $3 \
         WHERE user_id = $1 AND position <= $2 AND read_at IS NULL",
    )
    .bind(user_id)
    .bind(up_to)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected())
}

/// Deletes an item; false if the user has no such item.
pub(crate) async fn delete(conn: &mut Conn, user_id: &str, id: &str) -> Result<bool> {
    let done = sqlx::query("DELETE FROM inbox_items WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(user_id)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(done.rows_affected() > 0)
}
