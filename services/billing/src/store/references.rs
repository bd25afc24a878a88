//! References that were paid for or cancelled.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use super::{integer, text};

/// What is known of a reference.
#[derive(Debug)]
pub(crate) struct Reference {
    /// Whether nothing more may be paid under it.
    pub(crate) cancelled: bool,
    /// How many payments were made under it.
    pub(crate) payments: i64,
}

/// Notes that something is to be paid under the reference. Holds the
/// reference's row until the transaction ends, as [`cancel`] does.
pub(crate) async fn enter(conn: &mut Conn, reference: &str) -> Result<Reference> {
    let row = sqlx::query(
        "INSERT INTO payment_references (reference, payments) VALUES ($1, 1) \
         ON CONFLICT (reference) DO UPDATE SET payments = payment_references.payments + 1 \
         RETURNING cancelled, payments",
    )
    .bind(reference)
    .fetch_one(&mut *conn)
    .await
    .db()?;
    Ok(Reference {
        cancelled: integer(&row, "cancelled")? == 1,
        payments: integer(&row, "payments")?,
    })
}

/// Refuses all later payments under the reference.
pub(crate) async fn cancel(conn: &mut Conn, reference: &str, reason: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO payment_references (reference, cancelled, cancel_reason) VALUES ($1, 1, $2) \
         ON CONFLICT (reference) DO UPDATE SET cancelled = 1, \
           cancel_reason = CASE WHEN payment_references.cancelled = 1 \
             THEN payment_references.cancel_reason ELSE excluded.cancel_reason END",
    )
    .bind(reference)
    .bind(reason)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Why a reference was cancelled; empty when it was not.
pub(crate) async fn cancel_reason(conn: &mut Conn, reference: &str) -> Result<String> {
    let row = sqlx::query("SELECT cancel_reason FROM payment_references WHERE reference = $1")
        .bind(reference)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map_or_else(|| Ok(String::new()), |row| text(&row, "cancel_reason"))
}
