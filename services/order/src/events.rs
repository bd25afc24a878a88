//! What the module announces, from its own types to the contract's.

use shoal_proto::events::order::{
    OrderCancelledV1, OrderConfirmedV1, OrderFulfilledV1, OrderItem, OrderPlacedV1,
    OrderRejectedV1, OrderSummary,
};

use crate::domain::orders::{Item, Order};

pub(crate) fn placed(order: &Order) -> OrderPlacedV1 {
    OrderPlacedV1 {
        order: summary(order),
    }
}

pub(crate) fn confirmed(order: &Order) -> OrderConfirmedV1 {
    OrderConfirmedV1 {
        order: summary(order),
        payment_id: order.payment_id.clone().unwrap_or_default(),
        confirmed_at_ms: order.updated_at_ms,
    }
}

pub(crate) fn rejected(order: &Order) -> OrderRejectedV1 {
    let why = order.rejection.clone();
    let (code, reason) = why.map_or_else(Default::default, |why| (why.code, why.message));
    OrderRejectedV1 {
        order: summary(order),
        code,
        reason,
        rejected_at_ms: order.updated_at_ms,
    }
}

pub(crate) fn cancelled(order: &Order) -> OrderCancelledV1 {
    OrderCancelledV1 {
        order: summary(order),
        reason: order.cancel_reason.clone(),
        cancelled_at_ms: order.updated_at_ms,
    }
}

pub(crate) fn fulfilled(order: &Order) -> OrderFulfilledV1 {
    OrderFulfilledV1 {
        order: summary(order),
        fulfilled_at_ms: order.updated_at_ms,
    }
}

fn summary(order: &Order) -> OrderSummary {
    OrderSummary {
        order_id: order.id.clone(),
        user_id: order.user_id.clone(),
        items: order.items.iter().map(item).collect(),
        currency: order.total.currency().code().to_owned(),
        total_minor: order.total.minor_units(),
        placed_at_ms: order.created_at_ms,
    }
}

fn item(item: &Item) -> OrderItem {
    OrderItem {
        product_id: item.product_id.clone(),
        name: item.name.clone(),
        quantity: item.quantity,
        unit_price_minor: item.unit_price.minor_units(),
        line_total_minor: item.line_total.minor_units(),
    }
}
