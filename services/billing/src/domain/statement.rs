//! What a customer's account looks like over time.

use shoal_money::Money;

use super::ledger::EntryKind;

/// One movement on a customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// Position in the account: 1, 2, 3… without gaps.
    pub position: i64,
    /// When it was booked, Unix milliseconds; never before that of the
    /// position before.
    pub booked_at_ms: i64,
    /// Why.
    pub kind: EntryKind,
    /// The ledger transaction, `txn_…`.
    pub transaction_id: String,
    /// The payment behind it, `pay_…`.
    pub payment_id: String,
    /// What was paid for.
    pub reference: String,
    /// The document behind it, `inv_…`.
    pub invoice_id: String,
    /// What it added to the debt (positive) or took from it (negative).
    pub amount: Money,
    /// The debt after it.
    pub balance: Money,
}

/// A page of movements, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The debt before the first line of the page.
    pub opening: Money,
    /// The lines.
    pub lines: Vec<StatementLine>,
    /// The debt after the last line of the page.
    pub closing: Money,
    /// Position after which the next page begins, when there is one.
    pub next: Option<i64>,
}
