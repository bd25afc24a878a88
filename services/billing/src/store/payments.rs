//! Payments.

use shoal_error::{Result, ResultExt as _};
use shoal_store::{Conn, Cursor, Page, PageRequest, SqlResultExt as _};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{currency, damaged, integer, optional, text};
use crate::domain::payment::{Payment, State, Status};

/// Payments that [`by_reference`] reads at most.
const MAX_PER_REFERENCE: i64 = 100;

/// Which payments to list; `None` means any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) status: Option<Status>,
}

/// Adds a payment.
pub(crate) async fn insert(conn: &mut Conn, payment: &Payment) -> Result<()> {
    let state = &payment.state;
    sqlx::query(
        "INSERT INTO payments (id, user_id, reference, description, payment_method, provider, \
           lines, currency, status, amount_minor, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(payment.id.as_str())
    .bind(payment.user_id.as_str())
    .bind(payment.reference.as_str())
    .bind(payment.description.as_str())
    .bind(payment.payment_method.as_str())
    .bind(payment.provider.as_str())
    .bind(serde_json::to_string(&payment.lines).internal()?)
    .bind(state.currency.code())
    .bind(state.status().as_str())
    .bind(state.amount)
    .bind(payment.created_at_ms)
    .bind(payment.updated_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Reads a payment and holds its row until the transaction ends, on either
/// engine: everything that happens to one payment happens in turn.
pub(crate) async fn lock(conn: &mut Conn, id: &str) -> Result<Option<Payment>> {
    let row = sqlx::query("UPDATE payments SET version = version + 1 WHERE id = $1 RETURNING *")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.as_ref().map(read).transpose()
}

/// Writes the state back; the row is held by [`lock`].
pub(crate) async fn update(conn: &mut Conn, payment: &Payment) -> Result<()> {
    let state = &payment.state;
    sqlx::query(
        "UPDATE payments SET status = $2, captured_minor = $3, refunded_minor = $4, \
           released_minor = $5, capturing_minor = $6, releasing_minor = $7, \
           refunding_minor = $8, cancel_requested = $9, undo_refusals = $10, reason = $11, \
           updated_at_ms = $12 WHERE id = $1",
    )
    .bind(payment.id.as_str())
    .bind(state.status().as_str())
    .bind(state.captured)
    .bind(state.refunded)
    .bind(state.released)
    .bind(state.capturing)
    .bind(state.releasing)
    .bind(state.refunding)
    .bind(i64::from(state.cancel_requested))
    .bind(state.undo_refusals)
    .bind(state.reason.as_deref())
    .bind(payment.updated_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Reads a payment.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Payment>> {
    let row = sqlx::query("SELECT * FROM payments WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.as_ref().map(read).transpose()
}

/// The payments under a reference, newest first.
pub(crate) async fn by_reference(conn: &mut Conn, reference: &str) -> Result<Vec<Payment>> {
    let sql = "SELECT * FROM payments WHERE reference = $1 ORDER BY id DESC LIMIT $2";
    let rows = sqlx::query(sql)
        .bind(reference)
        .bind(MAX_PER_REFERENCE)
        .fetch_all(&mut *conn)
        .await
        .db()?;
    rows.iter().map(read).collect()
}

/// A page of payments, newest first.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Payment>> {
    let status = filter.status.map(|status| status.as_str().to_owned());
    let list = format!(
        "payments {:?} {:?} {status:?}",
        filter.user_id, filter.reference
    );
    let before = page
        .cursor(&list)?
        .and_then(|Cursor { after }| after.into_iter().next());
    let wanted = [
        ("user_id =", filter.user_id.clone()),
        ("reference =", filter.reference.clone()),
        ("status =", status),
        ("id <", before),
    ];
    let given: Vec<(&str, String)> = wanted
        .into_iter()
        .filter_map(|(test, value)| Some((test, value?)))
        .collect();
    let mut sql = String::from("SELECT * FROM payments WHERE 1 = 1");
    for (index, (test, _)) in given.iter().enumerate() {
        sql.push_str(&format!(" AND {test} ${}", index + 1));
    }
    sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", given.len() + 1));
    // Only the fixed texts above are in it; values are bound.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (_, value) in given {
        query = query.bind(value);
    }
    let rows = query.bind(page.fetch()?).fetch_all(&mut *conn).await.db()?;
    let rows = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    Page::cut(rows, page, &list, |payment| [payment.id.clone()])
}

fn read(row: &AnyRow) -> Result<Payment> {
    let name = text(row, "status")?;
    let status = Status::from_name(&name).ok_or_else(|| damaged("a payment's status", &name))?;
    Ok(Payment {
        id: text(row, "id")?,
        user_id: text(row, "user_id")?,
        reference: text(row, "reference")?,
        description: text(row, "description")?,
        payment_method: text(row, "payment_method")?,
        provider: text(row, "provider")?,
        lines: serde_json::from_str(&text(row, "lines")?).internal()?,
        state: State {
            currency: currency(row)?,
            amount: integer(row, "amount_minor")?,
            phase: status.phase(),
            captured: integer(row, "captured_minor")?,
            refunded: integer(row, "refunded_minor")?,
            released: integer(row, "released_minor")?,
            capturing: integer(row, "capturing_minor")?,
            releasing: integer(row, "releasing_minor")?,
            refunding: integer(row, "refunding_minor")?,
            cancel_requested: integer(row, "cancel_requested")? == 1,
            undo_refusals: integer(row, "undo_refusals")?,
            reason: optional(row, "reason")?,
        },
        created_at_ms: integer(row, "created_at_ms")?,
        updated_at_ms: integer(row, "updated_at_ms")?,
    })
}
