//! Invoices and credit notes.

use shoal_error::{Result, ResultExt as _};
use shoal_store::{Conn, Cursor, Page, PageRequest, SqlResultExt as _};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{damaged, integer, money, optional, text};
use crate::domain::invoice::{DocumentKind, Invoice};

/// Which documents to list; `None` means any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) payment_id: Option<String>,
    pub(crate) kind: Option<DocumentKind>,
}

/// The next number of a series. Its row is held until the transaction ends, so
/// that numbers follow each other without gaps.
pub(crate) async fn next_number(conn: &mut Conn, issuer: &str, kind: DocumentKind) -> Result<i64> {
    let row = sqlx::query(
        "INSERT INTO invoice_series (issuer, kind, last_number) VALUES ($1, $2, 1) \
         ON CONFLICT (issuer, kind) DO UPDATE SET last_number = invoice_series.last_number + 1 \
         RETURNING last_number",
    )
    .bind(issuer)
    .bind(kind.as_str())
    .fetch_one(&mut *conn)
    .await
    .db()?;
    integer(&row, "last_number")
}

/// Adds a document.
pub(crate) async fn insert(
    conn: &mut Conn,
    invoice: &Invoice,
    sequence: i64,
    operation_id: &str,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO invoices (id, issuer, kind, sequence, number, user_id, payment_id, \
           operation_id, reference, corrects, lines, currency, total_minor, issued_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(invoice.id.as_str())
    .bind(invoice.issuer.as_str())
    .bind(invoice.kind.as_str())
    .bind(sequence)
    .bind(invoice.number.as_str())
    .bind(invoice.user_id.as_str())
    .bind(invoice.payment_id.as_str())
    .bind(operation_id)
    .bind(invoice.reference.as_str())
    .bind(invoice.corrects.as_deref())
    .bind(serde_json::to_string(&invoice.lines).internal()?)
    .bind(invoice.total.currency().code())
    .bind(invoice.total.minor_units())
    .bind(invoice.issued_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// The first invoice of a payment, which its credit notes correct.
pub(crate) async fn first_of_payment(conn: &mut Conn, payment_id: &str) -> Result<Option<String>> {
    let row = sqlx::query(
        "SELECT id FROM invoices WHERE payment_id = $1 AND kind = 'invoice' ORDER BY id LIMIT 1",
    )
    .bind(payment_id)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    row.map(|row| text(&row, "id")).transpose()
}

/// Reads a document.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Invoice>> {
    let row = sqlx::query("SELECT * FROM invoices WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.as_ref().map(read).transpose()
}

/// A page of documents, newest first.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Invoice>> {
    let kind = filter.kind.map(|kind| kind.as_str().to_owned());
    let list = format!(
        "invoices {:?} {:?} {kind:?}",
        filter.user_id, filter.payment_id
    );
    let before = page
        .cursor(&list)?
        .and_then(|Cursor { after }| after.into_iter().next());
    let wanted = [
        ("user_id =", filter.user_id.clone()),
        ("payment_id =", filter.payment_id.clone()),
        ("kind =", kind),
        ("id <", before),
    ];
    let given: Vec<(&str, String)> = wanted
        .into_iter()
        .filter_map(|(test, value)| Some((test, value?)))
        .collect();
    let mut sql = String::from("SELECT * FROM invoices WHERE 1 = 1");
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
    Page::cut(rows, page, &list, |invoice| [invoice.id.clone()])
}

fn read(row: &AnyRow) -> Result<Invoice> {
    let kind = text(row, "kind")?;
    Ok(Invoice {
        id: text(row, "id")?,
        number: text(row, "number")?,
        issuer: text(row, "issuer")?,
        kind: DocumentKind::from_name(&kind).ok_or_else(|| damaged("a document", &kind))?,
        user_id: text(row, "user_id")?,
        payment_id: text(row, "payment_id")?,
        reference: text(row, "reference")?,
        corrects: optional(row, "corrects")?,
        lines: serde_json::from_str(&text(row, "lines")?).internal()?,
        total: money(row, "total_minor")?,
        issued_at_ms: integer(row, "issued_at_ms")?,
    })
}
