//! The ledger: entries go in, sums come out, nothing changes.

use shoal_error::{Result, ResultExt as _};
use shoal_money::Money;
use shoal_store::{Conn, SqlResultExt as _, id};

use super::{currency, damaged, integer, money, text};
use crate::domain::ledger::{Account, Entry, EntryKind, Posting};

/// What an entry is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) payment_id: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) operation_id: &'a str,
    pub(crate) invoice_id: &'a str,
}

/// Writes an entry: the transaction, its postings, the seal. The database
/// refuses the seal unless the postings balance, and the commit without a seal.
pub(crate) async fn book(
    conn: &mut Conn,
    entry: &Entry,
    about: About<'_>,
    now_ms: i64,
) -> Result<String> {
    let transaction = id::new("txn");
    sqlx::query(
        "INSERT INTO ledger_transactions \
           (id, kind, payment_id, reference, operation_id, invoice_id, booked_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(transaction.as_str())
    .bind(entry.kind().as_str())
    .bind(about.payment_id)
    .bind(about.reference)
    .bind(about.operation_id)
    .bind(about.invoice_id)
    .bind(now_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    for (line, posting) in (1_i64..).zip(entry.postings()) {
        post(conn, &transaction, line, posting, now_ms).await?;
    }
    sqlx::query("INSERT INTO ledger_seals (transaction_id) VALUES ($1)")
        .bind(transaction.as_str())
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(transaction)
}

/// Where a posting stands in its account.
struct Place {
    account_id: String,
    position: Option<i64>,
    balance: Option<i64>,
    booked_at_ms: i64,
}

async fn post(
    conn: &mut Conn,
    transaction: &str,
    line: i64,
    posting: &Posting,
    now_ms: i64,
) -> Result<()> {
    let place = place(conn, posting, now_ms).await?;
    sqlx::query(
        "INSERT INTO ledger_postings (transaction_id, line, account_id, currency, amount_minor, \
           position, balance_minor, booked_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(transaction)
    .bind(line)
    .bind(place.account_id)
    .bind(posting.amount.currency().code())
    .bind(posting.amount.minor_units())
    .bind(place.position)
    .bind(place.balance)
    .bind(place.booked_at_ms)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Finds or opens the account. One with an owner moves on by one position under
/// its row lock, so that positions and times rise together in commit order.
async fn place(conn: &mut Conn, posting: &Posting, now_ms: i64) -> Result<Place> {
    let account = &posting.account;
    let account_id = format!("{}:{}", account.code(), posting.amount.currency());
    open(conn, account, &account_id, posting.amount).await?;
    if account.owner().is_none() {
        return Ok(Place {
            account_id,
            position: None,
            balance: None,
            booked_at_ms: now_ms,
        });
    }
    let row = sqlx::query(
        "UPDATE ledger_accounts SET balance_minor = balance_minor + $2, positions = positions + 1, \
           last_booked_at_ms = CASE WHEN last_booked_at_ms > $3 THEN last_booked_at_ms ELSE $3 END \
         WHERE id = $1 RETURNING balance_minor, positions, last_booked_at_ms",
    )
    .bind(account_id.as_str())
    .bind(posting.amount.minor_units())
    .bind(now_ms)
    .fetch_one(&mut *conn)
    .await
    .db()?;
    Ok(Place {
        position: Some(integer(&row, "positions")?),
        balance: Some(integer(&row, "balance_minor")?),
        booked_at_ms: integer(&row, "last_booked_at_ms")?,
        account_id,
    })
}

async fn open(conn: &mut Conn, account: &Account, account_id: &str, amount: Money) -> Result<()> {
    // Whichever of the unique constraints a simultaneous opening violates first.
    sqlx::query(
        "INSERT INTO ledger_accounts (id, code, class, currency, owner) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(account_id)
    .bind(account.code())
    .bind(account.class())
    .bind(amount.currency().code())
    .bind(account.owner())
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// The sum of an account.
#[derive(Debug)]
pub(crate) struct AccountSum {
    pub(crate) code: String,
    pub(crate) class: String,
    pub(crate) balance: Money,
}

/// Sums over all customers' accounts are one line each class and currency;
/// accounts without an owner stand for themselves.
pub(crate) async fn trial_balance(conn: &mut Conn) -> Result<Vec<AccountSum>> {
    let rows = sqlx::query(
        "SELECT CASE WHEN a.owner IS NULL THEN a.code ELSE 'customers' END AS code, a.class AS class, \
           a.currency AS currency, CAST(SUM(p.amount_minor) AS BIGINT) AS balance \
         FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id \
         GROUP BY 1, 2, 3 ORDER BY 3, 1",
    )
    .fetch_all(&mut *conn)
    .await
    .db()?;
    rows.iter()
        .map(|row| {
            Ok(AccountSum {
                code: text(row, "code")?,
                class: text(row, "class")?,
                balance: Money::new(currency(row)?, integer(row, "balance")?),
            })
        })
        .collect()
}

/// A transaction as it stands in the ledger.
#[derive(Debug)]
pub(crate) struct Booked {
    pub(crate) id: String,
    pub(crate) kind: EntryKind,
    pub(crate) invoice_id: String,
    pub(crate) booked_at_ms: i64,
    /// Account codes and amounts, debit positive.
    pub(crate) postings: Vec<(String, Money)>,
}

/// What was booked for a payment, oldest first.
pub(crate) async fn of_payment(conn: &mut Conn, payment_id: &str) -> Result<Vec<Booked>> {
    let rows = sqlx::query(
        "SELECT t.id AS id, t.kind AS kind, t.invoice_id AS invoice_id, \
           t.booked_at_ms AS booked_at_ms, a.code AS code, p.currency AS currency, \
           p.amount_minor AS amount_minor \
         FROM ledger_transactions t JOIN ledger_postings p ON p.transaction_id = t.id \
           JOIN ledger_accounts a ON a.id = p.account_id \
         WHERE t.payment_id = $1 ORDER BY t.id, p.line",
    )
    .bind(payment_id)
    .fetch_all(&mut *conn)
    .await
    .db()?;
    let mut booked: Vec<Booked> = Vec::new();
    for row in &rows {
        let id = text(row, "id")?;
        let posting = (text(row, "code")?, money(row, "amount_minor")?);
        match booked.last_mut() {
            Some(last) if last.id == id => last.postings.push(posting),
            _ => {
                let kind = text(row, "kind")?;
                booked.push(Booked {
                    id,
                    kind: EntryKind::from_name(&kind).ok_or_else(|| damaged("an entry", &kind))?,
                    invoice_id: text(row, "invoice_id")?,
                    booked_at_ms: integer(row, "booked_at_ms")?,
                    postings: vec![posting],
                });
            }
        }
    }
    Ok(booked)
}

/// Turns a fault of the rules, which cannot happen, into the platform's error.
pub(crate) fn entries_of(
    kind: crate::domain::operation::OperationKind,
    user: &str,
    provider: &str,
    amount: Money,
) -> Result<Vec<Entry>> {
    crate::domain::ledger::entries(kind, user, provider, amount).internal()
}
