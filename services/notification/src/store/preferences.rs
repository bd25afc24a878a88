//! Rows of `preferences`.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::channel::{Category, Channel};
use crate::domain::preference::Choice;

/// What a user has said; pairs without a word are absent.
pub(crate) async fn of_user(conn: &mut Conn, user_id: &str) -> Result<Vec<Choice>> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT channel, category, enabled FROM preferences WHERE user_id = $1")
            .bind(user_id)
            .fetch_all(&mut *conn)
            .await
            .db()?;
    Ok(rows
        .into_iter()
        .filter_map(|(channel, category, enabled)| {
            Some(Choice {
                channel: Channel::parse(&channel)?,
                // A category of a newer release is passed over.
                category: Category::parse(&category)?,
                enabled: enabled != 0,
            })
        })
        .collect())
}

/// Keeps a user's word.
pub(crate) async fn set(conn: &mut Conn, user_id: &str, choice: Choice, now: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO preferences (user_id, channel, category, enabled, updated_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_id, channel, category) DO UPDATE SET enabled = excluded.enabled, \
            updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(choice.channel.as_str())
    .bind(choice.category.as_str())
    .bind(i64::from(choice.enabled))
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}
