//! Events of the order module.
//!
//! Each is announced in the same transaction as the change that it tells of, so it
//! is told if and only if the change happened, at least once. Amounts are minor
//! units of the ISO 4217 currency named beside them, times are Unix milliseconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of an order, at the price that held when it was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderItem {
    /// `prd_` id.
    pub product_id: String,
    /// Name of the product at the time of the order.
    pub name: String,
    /// Pieces, at least 1.
    pub quantity: i64,
    /// Price of one piece in minor units.
    pub unit_price_minor: i64,
    /// `quantity` times `unit_price_minor`.
    pub line_total_minor: i64,
}

/// What every event of an order says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// `ord_` id.
    pub order_id: String,
    /// The buyer, `usr_` id.
    pub user_id: String,
    /// Lines in the order of the request.
    pub items: Vec<OrderItem>,
    /// ISO 4217 code of every amount here.
    pub currency: String,
    /// Sum of the lines in minor units.
    pub total_minor: i64,
    /// When the order was placed.
    pub placed_at_ms: i64,
}

/// An order was accepted; stock and money are being arranged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlacedV1 {
    /// The order.
    #[serde(flatten)]
    pub order: OrderSummary,
}

/// An order is paid and its stock is reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmedV1 {
    /// The order.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// The captured payment in billing, `pay_` id.
    pub payment_id: String,
    /// When it was confirmed.
    pub confirmed_at_ms: i64,
}

/// An order could not be arranged; nothing is held or charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderRejectedV1 {
    /// The order.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// Code of the order catalogue, as `order.payment_declined`.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// When it was rejected.
    pub rejected_at_ms: i64,
}

/// A confirmed order was given back: money refunded, stock released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelledV1 {
    /// The order.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// What the one who cancelled gave as reason; may be empty.
    pub reason: String,
    /// When the cancellation was complete.
    pub cancelled_at_ms: i64,
}

/// A confirmed order was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderFulfilledV1 {
    /// The order.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// When it was handed over.
    pub fulfilled_at_ms: i64,
}

super::events! {
    OrderPlacedV1 = "order.placed.v1", order.order_id;
    OrderConfirmedV1 = "order.confirmed.v1", order.order_id;
    OrderRejectedV1 = "order.rejected.v1", order.order_id;
    OrderCancelledV1 = "order.cancelled.v1", order.order_id;
    OrderFulfilledV1 = "order.fulfilled.v1", order.order_id;
}
