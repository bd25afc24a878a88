//! Reading and handing over orders.

use shoal_error::{Error, Result};
use shoal_store::{Page, PageRequest, outbox};

use super::Shop;
use crate::domain::caller::Caller;
use crate::domain::codes::OrderCode;
use crate::domain::orders::Order;
use crate::domain::status::{Move, Status};
use crate::store::orders::Filter;
use crate::{events, store};

/// Which orders a caller wants to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) status: Option<Status>,
    /// Only this buyer's; only for those who may see others' orders.
    pub(crate) user_id: Option<String>,
}

/// One order; that of a stranger is not there.
pub(crate) async fn get(shop: &Shop, caller: &Caller, id: &str) -> Result<Order> {
    let mut conn = shop.store.read().await?;
    let order = store::orders::get(&mut conn, id).await?;
    if caller.may_see(&order.user_id) {
        Ok(order)
    } else {
        Err(not_found(id))
    }
}

/// The caller's orders, or everybody's for an admin, the newest first.
pub(crate) async fn list(
    shop: &Shop,
    caller: &Caller,
    wish: &Wish,
    page: &PageRequest,
) -> Result<Page<Order>> {
    let user_id = match &wish.user_id {
        Some(other) if *other != caller.user_id => {
            caller.require_admin()?;
            Some(other.as_str())
        }
        None if caller.is_admin() => None,
        _ => Some(caller.user_id.as_str()),
    };
    let filter = Filter {
        user_id,
        status: wish.status,
    };
    // A cursor fits only the list that it was made for.
    let status = wish.status.map_or("all", Status::name);
    let list = format!("orders/{}/{status}", user_id.unwrap_or("*"));
    let (before, fetch) = (page.after(&list)?, page.fetch()?);
    let mut conn = shop.store.read().await?;
    let rows = store::orders::list(&mut conn, filter, &before, fetch).await?;
    Page::cut(rows, page, &list, |order| [order.id.clone()])
}

/// Marks an order as handed over.
pub(crate) async fn fulfil(shop: &Shop, caller: &Caller, id: &str) -> Result<Order> {
    caller.require_fulfilment()?;
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let Some(order) = store::orders::advance(&mut tx, id, Move::Fulfil, now).await? else {
        let current = store::orders::get(&mut tx, id).await?;
        return Err(refusal(&current, Move::Fulfil));
    };
    store::stock::hand_over(&mut tx, id, now).await?;
    outbox::publish(&mut tx, &events::fulfilled(&order)).await?;
    tx.commit().await?;
    Ok(order)
}

/// Why the order's state does not admit the move.
pub(crate) fn refusal(order: &Order, by: Move) -> Error {
    let refused = order.status.after(by).err();
    // The state that is read now may admit what it did not admit before.
    refused
        .unwrap_or_else(|| Error::new(OrderCode::IllegalMove, "The order has just changed."))
        .with_meta("order_id", &order.id)
}

pub(crate) fn not_found(id: &str) -> Error {
    Error::new(
        OrderCode::OrderNotFound,
        format!("There is no order {id:?}."),
    )
}
