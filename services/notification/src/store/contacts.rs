//! Rows of `contacts` and `user_settings`.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::address::EmailAddress;

/// Keeps an address, unless newer news is kept already. A name of `None`
/// leaves the known one.
pub(crate) async fn learn(
    conn: &mut Conn,
    user_id: &str,
    email: &str,
    display_name: Option<&str>,
    as_of: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO contacts (user_id, email, display_name, as_of) \
         VALUES ($1, $2, COALESCE($3, ''), $4) \
         ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, \
            display_name = COALESCE($3, contacts.display_name), as_of = excluded.as_of \
         WHERE excluded.as_of >= contacts.as_of",
    )
    .bind(user_id)
    .bind(email)
    .bind(display_name)
    .bind(as_of)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// The address of a user, if one is known.
pub(crate) async fn email(conn: &mut Conn, user_id: &str) -> Result<Option<EmailAddress>> {
    let found: Option<String> = sqlx::query_scalar("SELECT email FROM contacts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    Ok(found.map(EmailAddress::new))
}

/// The language that a user chose.
pub(crate) async fn locale(conn: &mut Conn, user_id: &str) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT locale FROM user_settings WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *conn)
        .await
        .db()
}

/// Keeps the language that a user chose.
pub(crate) async fn set_locale(
    conn: &mut Conn,
    user_id: &str,
    locale: &str,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO user_settings (user_id, locale, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET locale = excluded.locale, \
            updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(locale)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}
