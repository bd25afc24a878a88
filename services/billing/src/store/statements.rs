//! Statements: what happened on a customer's account.

use shoal_error::Result;
use shoal_money::{Currency, Money};
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::any::AnyRow;

use super::{damaged, integer, money, text};
use crate::domain::ledger::{Account, EntryKind};
use crate::domain::statement::{Statement, StatementLine};

/// Which part of an account to read.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) user_id: String,
    pub(crate) currency: Currency,
    /// Unix milliseconds, inclusive.
    pub(crate) from_ms: i64,
    /// Unix milliseconds, exclusive.
    pub(crate) to_ms: i64,
    /// Position after which to begin.
    pub(crate) after: i64,
    /// Lines wanted.
    pub(crate) limit: u32,
}

/// Reads a page. Positions are given under the account's lock, so a page never
/// misses a line that is committed later with a lower position.
pub(crate) async fn page(conn: &mut Conn, span: &Span) -> Result<Statement> {
    let account = Account::Customer(span.user_id.clone()).code();
    let account_id = format!("{account}:{}", span.currency);
    let opening = opening(conn, &account_id, span).await?;
    let rows = sqlx::query(
        "SELECT p.position AS position, p.booked_at_ms AS booked_at_ms, t.kind AS kind, \
           t.id AS id, t.payment_id AS payment_id, t.reference AS reference, \
           t.invoice_id AS invoice_id, p.currency AS currency, p.amount_minor AS amount_minor, \
           p.balance_minor AS balance_minor \
         FROM ledger_postings p JOIN ledger_transactions t ON t.id = p.transaction_id \
         WHERE p.account_id = $1 AND p.position > $2 AND p.booked_at_ms >= $3 \
           AND p.booked_at_ms < $4 ORDER BY p.position LIMIT $5",
    )
    .bind(account_id.as_str())
    .bind(span.after)
    .bind(span.from_ms)
    .bind(span.to_ms)
    .bind(i64::from(span.limit) + 1)
    .fetch_all(&mut *conn)
    .await
    .db()?;
    let mut lines = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    let more = lines.len() > span.limit as usize;
    lines.truncate(span.limit as usize);
    Ok(Statement {
        opening,
        closing: lines.last().map_or(opening, |line| line.balance),
        next: lines.last().filter(|_| more).map(|line| line.position),
        lines,
    })
}

/// The balance before the page: that of the last line that is left out.
async fn opening(conn: &mut Conn, account_id: &str, span: &Span) -> Result<Money> {
    let row = sqlx::query(
        "SELECT balance_minor FROM ledger_postings WHERE account_id = $1 AND position IS NOT NULL \
           AND (position <= $2 OR booked_at_ms < $3) ORDER BY position DESC LIMIT 1",
    )
    .bind(account_id)
    .bind(span.after)
    .bind(span.from_ms)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    let units = row.map(|row| integer(&row, "balance_minor")).transpose()?;
    Ok(Money::new(span.currency, units.unwrap_or(0)))
}

fn read(row: &AnyRow) -> Result<StatementLine> {
    let kind = text(row, "kind")?;
    Ok(StatementLine {
        position: integer(row, "position")?,
        booked_at_ms: integer(row, "booked_at_ms")?,
        kind: EntryKind::from_name(&kind).ok_or_else(|| damaged("an entry", &kind))?,
        transaction_id: text(row, "id")?,
        payment_id: text(row, "payment_id")?,
        reference: text(row, "reference")?,
        invoice_id: text(row, "invoice_id")?,
        amount: money(row, "amount_minor")?,
        balance: money(row, "balance_minor")?,
    })
}
