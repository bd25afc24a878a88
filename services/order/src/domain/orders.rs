//! Orders.

use serde::{Deserialize, Serialize};
use shoal_money::Money;

use super::status::Status;

/// One line of an order, at the price that held when it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) product_id: String,
    pub(crate) name: String,
    /// Pieces, at least 1.
    pub(crate) quantity: i64,
    pub(crate) unit_price: Money,
    /// `quantity` times `unit_price`.
    pub(crate) line_total: Money,
}

/// Why an order was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejection {
    /// Code of the catalogue.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    /// The buyer.
    pub(crate) user_id: String,
    pub(crate) status: Status,
    pub(crate) items: Vec<Item>,
    pub(crate) total: Money,
    /// The payment in billing, once money was taken.
    pub(crate) payment_id: Option<String>,
    /// Set when it was rejected.
    pub(crate) rejection: Option<Rejection>,
    /// What the one who cancelled said; may be empty.
    pub(crate) cancel_reason: String,
    /// The saga that moves it, or moved it last.
    pub(crate) saga_id: String,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}
