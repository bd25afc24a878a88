//! Double entry: every movement is a set of postings that sum to zero in each
//! currency. Debits are positive, credits negative.
//!
//! An [`Entry`] cannot be made unbalanced, and the database refuses an
//! unbalanced one once more (see `migrations/`).

use std::collections::BTreeMap;

use shoal_money::{Money, MoneyError};

use super::operation::OperationKind;

/// What money lies in, or came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// What a customer owes us (asset): a positive balance is a debt of the
    /// customer, a negative one is money that we owe.
    Customer(String),
    /// What a payment provider holds for us (asset).
    Clearing(String),
    /// What we sold (revenue).
    Sales,
    /// What we took back (against revenue).
    SalesReturns,
}

impl Account {
    /// Name of the account, unique per currency.
    pub fn code(&self) -> String {
        match self {
            Self::Customer(user) => format!("customer:{user}"),
            Self::Clearing(provider) => format!("clearing:{provider}"),
            Self::Sales => "sales".to_owned(),
            Self::SalesReturns => "sales_returns".to_owned(),
        }
    }

    /// `asset` or `revenue`.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Customer(_) | Self::Clearing(_) => "asset",
            Self::Sales | Self::SalesReturns => "revenue",
        }
    }

    /// The user whose statement shows the account. Only such accounts keep a
    /// running balance: their postings are ordered one after another, while
    /// accounts that all customers share would become a queue.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Customer(user) => Some(user),
            _ => None,
        }
    }
}

/// Why an entry is in the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The customer owes for what was sold.
    Invoice,
    /// The customer paid through the provider.
    Payment,
    /// What was sold is taken back.
    CreditNote,
    /// The customer got money back through the provider.
    Refund,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Invoice, Self::Payment, Self::CreditNote, Self::Refund];

    /// Name in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Payment => "payment",
            Self::CreditNote => "credit_note",
            Self::Refund => "refund",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Which account changes.
    pub account: Account,
    /// By how much: debit positive, credit negative, never zero.
    pub amount: Money,
}

/// Postings that belong together and sum to zero in each currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: EntryKind,
    postings: Vec<Posting>,
}

/// Why postings are no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// They do not sum to zero.
    #[error("the postings leave {0}")]
    Leaves(Money),
    /// There are fewer than two, or one of them moves nothing.
    #[error("an entry needs at least two postings that move something")]
    Empty,
    /// They cannot be summed.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Entry {
    /// Puts postings together.
    ///
    /// # Errors
    /// [`Unbalanced`] when they do not sum to zero in each currency.
    pub fn new(kind: EntryKind, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        if postings.len() < 2 || postings.iter().any(|p| p.amount.is_zero()) {
            return Err(Unbalanced::Empty);
        }
        let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
        for Posting { amount, .. } in &postings {
            let sum = sums
                .entry(amount.currency().code())
                .or_insert(Money::zero(amount.currency()));
            *sum = sum.checked_add(*amount)?;
        }
        match sums.into_values().find(|sum| !sum.is_zero()) {
            Some(rest) => Err(Unbalanced::Leaves(rest)),
            None => Ok(Self { kind, postings }),
        }
    }

    /// Moves an amount from one account to another.
    ///
    /// # Errors
    /// [`Unbalanced`] when there is nothing to move.
    pub fn transfer(
        kind: EntryKind,
        from: Account,
        to: Account,
        amount: Money,
    ) -> Result<Self, Unbalanced> {
        let credit = amount.checked_neg()?;
        let postings = vec![
            Posting {
                account: to,
                amount,
            },
            Posting {
                account: from,
                amount: credit,
            },
        ];
        Self::new(kind, postings)
    }

    /// Why it is in the ledger.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Its postings.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

/// What a settled operation writes into the ledger: a capture sells and is
/// paid, a refund takes back and pays out. Reservations move no money.
///
/// # Errors
/// [`Unbalanced`] when there is nothing to move.
pub fn entries(
    operation: OperationKind,
    user: &str,
    provider: &str,
    amount: Money,
) -> Result<Vec<Entry>, Unbalanced> {
    let customer = || Account::Customer(user.to_owned());
    let clearing = || Account::Clearing(provider.to_owned());
    let transfer = |kind, from, to| Entry::transfer(kind, from, to, amount);
    Ok(match operation {
        OperationKind::Capture => vec![
            transfer(EntryKind::Invoice, Account::Sales, customer())?,
            transfer(EntryKind::Payment, customer(), clearing())?,
        ],
        OperationKind::Refund => vec![
            transfer(EntryKind::CreditNote, customer(), Account::SalesReturns)?,
            transfer(EntryKind::Refund, clearing(), customer())?,
        ],
        OperationKind::Authorize | OperationKind::Void => Vec::new(),
    })
}

#[cfg(test)]
mod tests;
