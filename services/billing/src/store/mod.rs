//! SQL: the only place that knows it. One file per aggregate; every function
//! runs on the caller's connection, so that the engine decides what is one
//! transaction.

pub(crate) mod callbacks;
pub(crate) mod invoices;
pub(crate) mod ledger;
pub(crate) mod operations;
pub(crate) mod payments;
pub(crate) mod references;
pub(crate) mod sandbox;
pub(crate) mod statements;

use shoal_error::{Error, Result, ResultExt as _};
use shoal_money::{Currency, Money};
use shoal_store::SqlResultExt as _;
use sqlx::Row as _;
use sqlx::any::AnyRow;

fn text(row: &AnyRow, column: &str) -> Result<String> {
    row.try_get(column).db()
}

fn optional(row: &AnyRow, column: &str) -> Result<Option<String>> {
    row.try_get(column).db()
}

fn integer(row: &AnyRow, column: &str) -> Result<i64> {
    row.try_get(column).db()
}

fn currency(row: &AnyRow) -> Result<Currency> {
    // What was written was a currency; anything else is damage.
    Currency::parse(&text(row, "currency")?).internal()
}

fn money(row: &AnyRow, column: &str) -> Result<Money> {
    Ok(Money::new(currency(row)?, integer(row, column)?))
}

/// A value that only damage can explain.
fn damaged(what: &str, found: &str) -> Error {
    Error::internal(format!("the database holds {found:?} as {what}"))
}
