//! What the sandbox provider remembers. Its transactions are its own, as if it
//! were another company's database.

use shoal_error::Result;
use shoal_store::{SqlResultExt as _, Store};

use super::{damaged, integer, optional, text};
use crate::provider::Instruction;

/// What became of a key at the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The request was lost on the way; only the test bench knows of it.
    Unseen,
    /// It was done.
    Approved,
    /// It was not done, for this reason.
    Declined(String),
}

/// A remembered request.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What became of it.
    pub(crate) memory: Memory,
    /// How often it was asked, this time included.
    pub(crate) attempts: i64,
    /// Whether the key was used with this very request before.
    pub(crate) same_request: bool,
}

impl Memory {
    fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Unseen => ("unseen", None),
            Self::Approved => ("approved", None),
            Self::Declined(reason) => ("declined", Some(reason)),
        }
    }
}

/// Remembers a request: as `first` when the key is new, as `later` (or as it
/// was) when it is not.
pub(crate) async fn remember(
    store: &Store,
    asked: &Instruction,
    first: Memory,
    later: Option<Memory>,
) -> Result<Seen> {
    let (outcome, reason) = first.columns();
    let later = later.as_ref().map(|memory| memory.columns().0);
    let mut tx = store.begin().await?;
    let row = sqlx::query(
        "INSERT INTO sandbox_operations (key, payment, kind, currency, amount_minor, outcome, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (key) DO UPDATE SET attempts = sandbox_operations.attempts + 1, \
           outcome = COALESCE($8, sandbox_operations.outcome) \
         RETURNING kind, currency, amount_minor, outcome, reason, attempts",
    )
    .bind(asked.key.as_str())
    .bind(asked.payment.as_str())
    .bind(asked.kind.as_str())
    .bind(asked.amount.currency().code())
    .bind(asked.amount.minor_units())
    .bind(outcome)
    .bind(reason)
    .bind(later)
    .fetch_one(&mut *tx)
    .await
    .db()?;
    let same_request = text(&row, "kind")? == asked.kind.as_str()
        && text(&row, "currency")? == asked.amount.currency().code()
        && integer(&row, "amount_minor")? == asked.amount.minor_units();
    let seen = Seen {
        memory: read(&text(&row, "outcome")?, optional(&row, "reason")?)?,
        attempts: integer(&row, "attempts")?,
        same_request,
    };
    if same_request {
        tx.commit().await?;
    }
    Ok(seen)
}

/// What became of a key.
pub(crate) async fn recall(store: &Store, key: &str) -> Result<Option<Memory>> {
    let mut conn = store.read().await?;
    let row = sqlx::query("SELECT outcome, reason FROM sandbox_operations WHERE key = $1")
        .bind(key)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    row.map(|row| read(&text(&row, "outcome")?, optional(&row, "reason")?))
        .transpose()
}

fn read(outcome: &str, reason: Option<String>) -> Result<Memory> {
    match outcome {
        "unseen" => Ok(Memory::Unseen),
        "approved" => Ok(Memory::Approved),
        "declined" => Ok(Memory::Declined(reason.unwrap_or_default())),
        other => Err(damaged("a sandbox outcome", other)),
    }
}
