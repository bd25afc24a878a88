//! The payment state machine: `step(state, event) -> (state, effects)`.
//!
//! What a payment *is* follows from six amounts and a phase; its
//! [`Status`] is derived and never set. An operation first holds its amount
//! (`capturing`, `releasing`, `refunding`), then the provider is asked, then
//! the hold becomes fact or is dropped. So any number of operations may run at
//! once and their sum never exceeds what was authorized or captured, whatever
//! the provider answers and in whichever order.

mod machine;
mod record;
mod refusal;
mod status;

use serde::{Deserialize, Serialize};
use shoal_money::{Currency, Money};

pub use machine::{Announcement, Effect, Event, step};
pub use record::Payment;
pub use refusal::Refusal;
pub use status::Status;

use super::operation::OperationKind;

/// After so many refusals by the provider an undo is left to a person.
pub const UNDO_ATTEMPTS: i64 = 5;

/// Where the authorization stands; all else follows from amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The provider was asked.
    Authorizing,
    /// The provider reserved the money.
    Open,
    /// The provider refused.
    Declined,
    /// The provider never got to know of it.
    Failed,
}

/// What the rules need to know of a payment. Amounts are minor units of
/// `currency`, none negative; `captured + released + capturing + releasing`
/// never exceeds `amount` and `refunded + refunding` never exceeds `captured`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Currency of all amounts.
    pub currency: Currency,
    /// What was asked to be authorized.
    pub amount: i64,
    /// Where the authorization stands.
    pub phase: Phase,
    /// Taken so far.
    pub captured: i64,
    /// Given back so far.
    pub refunded: i64,
    /// Released so far.
    pub released: i64,
    /// Held by captures under way.
    pub capturing: i64,
    /// Held by a void under way.
    pub releasing: i64,
    /// Held by refunds under way.
    pub refunding: i64,
    /// Everything is to be undone as soon as that is possible.
    pub cancel_requested: bool,
    /// How often the provider refused a part of the undoing.
    pub undo_refusals: i64,
    /// Why the payment was declined or failed.
    pub reason: Option<String>,
}

impl State {
    /// A payment whose authorization is about to be asked for.
    pub fn new(amount: Money) -> Self {
        Self {
            currency: amount.currency(),
            amount: amount.minor_units(),
            phase: Phase::Authorizing,
            captured: 0,
            refunded: 0,
            released: 0,
            capturing: 0,
            releasing: 0,
            refunding: 0,
            cancel_requested: false,
            undo_refusals: 0,
            reason: None,
        }
    }

    /// What can still be captured or released.
    pub fn capturable(&self) -> i64 {
        match self.phase {
            Phase::Open => {
                self.amount - self.captured - self.released - self.capturing - self.releasing
            }
            _ => 0,
        }
    }

    /// What can still be given back.
    pub fn refundable(&self) -> i64 {
        self.captured - self.refunded - self.refunding
    }

    /// The operation whose answer is awaited, if any.
    pub fn pending(&self) -> Option<OperationKind> {
        match self {
            Self {
                phase: Phase::Authorizing,
                ..
            } => Some(OperationKind::Authorize),
            Self { capturing: 1.., .. } => Some(OperationKind::Capture),
            Self { releasing: 1.., .. } => Some(OperationKind::Void),
            Self { refunding: 1.., .. } => Some(OperationKind::Refund),
            _ => None,
        }
    }

    /// Whether nothing is reserved, kept or awaited any more.
    pub fn is_undone(&self) -> bool {
        self.pending().is_none() && self.capturable() == 0 && self.refundable() == 0
    }

    /// Whether undoing was given up and a person must look at it.
    pub fn needs_attention(&self) -> bool {
        self.cancel_requested && self.undo_refusals >= UNDO_ATTEMPTS && !self.is_undone()
    }

    /// So many minor units, as money of the payment.
    pub fn money(&self, minor_units: i64) -> Money {
        Money::new(self.currency, minor_units)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
