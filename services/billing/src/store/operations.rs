//! What the provider was asked, which is also the memory of idempotency keys:
//! a key lives as long as its operation, so a repeat is recognised for ever.

use std::time::Duration;

use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::any::AnyRow;

use super::{damaged, integer, optional, text};
use crate::domain::operation::{Operation, OperationKind, OperationStatus, RequestKey};
use crate::domain::payment::Payment;

/// An operation, and the payment as it was when the operation was settled.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) operation: Operation,
    pub(crate) answer: Option<Payment>,
}

/// Adds an operation that becomes due at `due_at_ms`. A key that another
/// request has just taken is in flight.
pub(crate) async fn insert(conn: &mut Conn, operation: &Operation, due_at_ms: i64) -> Result<()> {
    let key = operation.key.as_ref();
    sqlx::query(
        "INSERT INTO operations (id, payment_id, kind, amount_minor, status, note, idem_scope, \
           idem_key, idem_fingerprint, lease_until_ms, due_at_ms, asked_at_ms, created_at_ms) \
         VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(operation.id.as_str())
    .bind(operation.payment_id.as_str())
    .bind(operation.kind.as_str())
    .bind(operation.amount)
    .bind(operation.note.as_str())
    .bind(key.map(|k| k.scope.as_str()))
    .bind(key.map(|k| k.key.as_str()))
    .bind(key.map(|k| k.fingerprint.as_str()))
    .bind(operation.lease_until_ms)
    .bind(due_at_ms)
    .bind(operation.created_at_ms)
    .execute(&mut *conn)
    .await
    .on_constraint("operations_key_unique", in_flight)
    .db()?;
    Ok(())
}

/// The error for a key whose first request is not done.
pub(crate) fn in_flight() -> Error {
    Error::new(
        CommonCode::IdempotencyInFlight,
        "The first request with this key is not done yet.",
    )
    .with_retry_after(Duration::from_secs(1))
}

/// The operation that a key stands for.
pub(crate) async fn by_key(conn: &mut Conn, key: &RequestKey) -> Result<Option<Known>> {
    let row = sqlx::query("SELECT * FROM operations WHERE idem_scope = $1 AND idem_key = $2")
        .bind(key.scope.as_str())
        .bind(key.key.as_str())
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.as_ref().map(known).transpose()
}

/// The operation with an id.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Known>> {
    let row = sqlx::query("SELECT * FROM operations WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.as_ref().map(known).transpose()
}

/// All operations of a payment, oldest first.
pub(crate) async fn of_payment(conn: &mut Conn, payment_id: &str) -> Result<Vec<Operation>> {
    let rows = sqlx::query("SELECT * FROM operations WHERE payment_id = $1 ORDER BY id")
        .bind(payment_id)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.iter().map(read).collect()
}

/// Takes an operation that nobody works on; false when somebody does.
pub(crate) async fn take(conn: &mut Conn, id: &str, now_ms: i64, until_ms: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE operations SET lease_until_ms = $2 \
         WHERE id = $1 AND status = 'pending' AND lease_until_ms <= $3",
    )
    .bind(id)
    .bind(until_ms)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Ends every lease, so that what a dead process left behind is looked at now.
pub(crate) async fn end_leases(conn: &mut Conn, now_ms: i64) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE operations SET lease_until_ms = 0, due_at_ms = $1 \
         WHERE status = 'pending' AND lease_until_ms > 0",
    )
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected())
}

/// Whether any operation is due. Asked often, and mostly in vain, so it takes
/// no write lock.
pub(crate) async fn any_due(conn: &mut Conn, now_ms: i64) -> Result<bool> {
    let row = sqlx::query(
        "SELECT id FROM operations WHERE status = 'pending' AND due_at_ms <= $1 \
           AND lease_until_ms <= $1 LIMIT 1",
    )
    .bind(now_ms)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(row.is_some())
}

/// Takes operations that are due, oldest first.
pub(crate) async fn take_due(
    conn: &mut Conn,
    limit: i64,
    now_ms: i64,
    until_ms: i64,
) -> Result<Vec<Operation>> {
    // Whoever comes second waits for the row and then finds the lease taken.
    let rows = sqlx::query(
        "UPDATE operations SET lease_until_ms = $1 WHERE status = 'pending' \
           AND due_at_ms <= $2 AND lease_until_ms <= $2 AND id IN ( \
             SELECT id FROM operations WHERE status = 'pending' AND due_at_ms <= $2 \
               AND lease_until_ms <= $2 ORDER BY due_at_ms LIMIT $3) \
         RETURNING *",
    )
    .bind(until_ms)
    .bind(now_ms)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await
    .db()?;
    rows.iter().map(read).collect()
}

/// Gives an operation back that is still undecided. `asked_at_ms` is when the
/// provider was last asked to do it.
pub(crate) async fn postpone(
    conn: &mut Conn,
    id: &str,
    due_at_ms: i64,
    asked_at_ms: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE operations SET lease_until_ms = 0, due_at_ms = $2, asked_at_ms = $3, \
           attempts = attempts + 1 WHERE id = $1 AND status = 'pending'",
    )
    .bind(id)
    .bind(due_at_ms)
    .bind(asked_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Records how an operation ended, and the answer that repeats get.
pub(crate) async fn settle(
    conn: &mut Conn,
    operation: &Operation,
    answer: &Payment,
    now_ms: i64,
) -> Result<()> {
    let done = sqlx::query(
        "UPDATE operations SET status = $2, reason = $3, invoice_id = $4, answer = $5, \
           settled_at_ms = $6, lease_until_ms = 0 WHERE id = $1 AND status = 'pending'",
    )
    .bind(operation.id.as_str())
    .bind(operation.status.as_str())
    .bind(operation.reason.as_deref())
    .bind(operation.invoice_id.as_deref())
    .bind(serde_json::to_string(answer).internal()?)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(damaged("a pending operation", &operation.id)),
    }
}

fn known(row: &AnyRow) -> Result<Known> {
    let answer = optional(row, "answer")?;
    let answer = answer
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .internal()?;
    Ok(Known {
        operation: read(row)?,
        answer,
    })
}

fn read(row: &AnyRow) -> Result<Operation> {
    let kind = text(row, "kind")?;
    let status = text(row, "status")?;
    let key = match (optional(row, "idem_scope")?, optional(row, "idem_key")?) {
        (Some(scope), Some(key)) => {
            let fingerprint = optional(row, "idem_fingerprint")?.unwrap_or_default();
            Some(RequestKey {
                scope,
                key,
                fingerprint,
            })
        }
        _ => None,
    };
    Ok(Operation {
        id: text(row, "id")?,
        payment_id: text(row, "payment_id")?,
        kind: OperationKind::from_name(&kind).ok_or_else(|| damaged("an operation", &kind))?,
        amount: integer(row, "amount_minor")?,
        status: OperationStatus::from_name(&status).ok_or_else(|| damaged("a status", &status))?,
        note: text(row, "note")?,
        reason: optional(row, "reason")?,
        invoice_id: optional(row, "invoice_id")?,
        key,
        attempts: integer(row, "attempts")?,
        lease_until_ms: integer(row, "lease_until_ms")?,
        asked_at_ms: integer(row, "asked_at_ms")?,
        created_at_ms: integer(row, "created_at_ms")?,
    })
}
