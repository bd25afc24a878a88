//! A payment with everything that belongs to it.

use serde::{Deserialize, Serialize};
use shoal_money::Money;

use super::{State, Status};
use crate::domain::lines::Line;

/// A payment of a customer. Written as JSON it is the answer that a repeated
/// request gets, so fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Id, `pay_…`.
    pub id: String,
    /// The customer who pays.
    pub user_id: String,
    /// What is paid for.
    pub reference: String,
    /// Text for documents; may be empty.
    pub description: String,
    /// The provider's token of the payment method.
    pub payment_method: String,
    /// Name of the provider.
    pub provider: String,
    /// Lines for the invoice; may be none.
    pub lines: Vec<Line>,
    /// What the rules need to know.
    pub state: State,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it last changed, Unix milliseconds.
    pub updated_at_ms: i64,
}

impl Payment {
    /// What was asked to be authorized.
    pub fn amount(&self) -> Money {
        self.state.money(self.state.amount)
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.state.status()
    }
}
