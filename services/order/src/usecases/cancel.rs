//! Giving an order back: durable first, then waited for.

use shoal_error::{Error, Result};
use shoal_saga::Outcome;

use super::Shop;
use super::orders::{not_found, refusal};
use crate::domain::caller::Caller;
use crate::domain::orders::Order;
use crate::domain::status::Move;
use crate::saga::cancel_order::{CancelOrder, Data};
use crate::store;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// Cancels a confirmed order and waits for what becomes of it: cancelled, or still
/// cancelling when time is up. A refund that billing refuses is an error.
pub(crate) async fn cancel(shop: &Shop, caller: &Caller, id: &str, reason: &str) -> Result<Order> {
    let reason = check_reason(reason)?;
    let saga_id = begin(shop, caller, id, reason).await?;
    let outcome = shop
        .sagas
        .wait::<CancelOrder>(&saga_id, shop.patience())
        .await?;
    if let Outcome::Undone { failure, .. } = outcome {
        return Err(failure.with_meta("order_id", id));
    }
    let mut conn = shop.store.read().await?;
    store::orders::get(&mut conn, id).await
}

async fn begin(shop: &Shop, caller: &Caller, id: &str, reason: &str) -> Result<String> {
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let current = store::orders::get(&mut tx, id).await?;
    if !caller.may_cancel(&current.user_id) {
        return Err(if caller.may_see(&current.user_id) {
            denied()
        } else {
            not_found(id)
        });
    }
    let Some(order) = store::orders::advance(&mut tx, id, Move::Cancel, now).await? else {
        return Err(refusal(&current, Move::Cancel));
    };
    let data = Data {
        order_id: order.id,
        items: order.items,
        reason: reason.to_owned(),
    };
    let saga_id = shop.sagas.start::<CancelOrder>(&mut tx, id, &data).await?;
    store::orders::set_cancelling(&mut tx, id, &saga_id, reason).await?;
    tx.commit().await?;
    Ok(saga_id)
}

fn check_reason(reason: &str) -> Result<&str> {
    let reason = reason.trim();
    if reason.chars().count() <= MAX_REASON && !reason.contains('\0') {
        return Ok(reason);
    }
    Err(Error::invalid_field(
        "/reason",
        "must have at most 500 characters and no NUL",
    ))
}

fn denied() -> Error {
    Error::new(
        shoal_error::CommonCode::PermissionDenied,
        "Only the buyer or an admin cancels an order.",
    )
}
