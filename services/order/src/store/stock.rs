//! What orders hold of the stock.
//!
//! Every function may run again for the same order and changes nothing then: the
//! row of a reservation says whether it has had its effect.

use shoal_error::{Error, Result};
use shoal_store::{SqlResultExt as _, Tx};

use crate::domain::codes::OrderCode;
use crate::domain::orders::Item;

/// Takes the items out of the stock for an order, all of them or none.
///
/// # Errors
/// [`OrderCode::OutOfStock`] names the product; the caller rolls back.
pub(crate) async fn reserve(tx: &mut Tx, order_id: &str, items: &[Item], now: i64) -> Result<()> {
    for item in in_lock_order(items) {
        if !note(tx, order_id, item, "held", now).await? {
            // Reserved before, or released already: a repeat has no effect.
            continue;
        }
        let taken = sqlx::query(
            "UPDATE products SET stock = stock - $1, updated_at = $2 \
             WHERE id = $3 AND stock >= $1",
        )
        .bind(item.quantity)
        .bind(now)
        .bind(&item.product_id)
        .execute(&mut **tx)
        .await
        .on_constraint("products_stock_non_negative", || out_of_stock(item))
        .db()?;
        if taken.rows_affected() == 0 {
            return Err(out_of_stock(item));
        }
    }
    Ok(())
}

/// Puts back what an order holds, and bars a reservation that comes late.
///
/// # Errors
/// Those of the database.
pub(crate) async fn release(tx: &mut Tx, order_id: &str, items: &[Item], now: i64) -> Result<()> {
    for item in in_lock_order(items) {
        if note(tx, order_id, item, "released", now).await? {
            // Never held, so there is nothing to put back.
            continue;
        }
        let released = sqlx::query(
            "UPDATE reservations SET state = 'released', updated_at = $1 \
             WHERE order_id = $2 AND product_id = $3 AND state = 'held'",
        )
        .bind(now)
        .bind(order_id)
        .bind(&item.product_id)
        .execute(&mut **tx)
        .await
        .db()?;
        if released.rows_affected() > 0 {
            put_back(tx, item, now).await?;
        }
    }
    Ok(())
}

/// Notes that what an order holds has left the house.
///
/// # Errors
/// Those of the database.
pub(crate) async fn hand_over(tx: &mut Tx, order_id: &str, now: i64) -> Result<()> {
    sqlx::query(
        "UPDATE reservations SET state = 'handed_over', updated_at = $1 \
         WHERE order_id = $2 AND state = 'held'",
    )
    .bind(now)
    .bind(order_id)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Always in the same order, so that two orders for the same products wait for
/// each other and never deadlock.
fn in_lock_order(items: &[Item]) -> Vec<&Item> {
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_by(|a, b| a.product_id.cmp(&b.product_id));
    items
}

/// Writes the reservation's row; `false` when there is one already.
async fn note(tx: &mut Tx, order_id: &str, item: &Item, state: &str, now: i64) -> Result<bool> {
    let noted = sqlx::query(
        "INSERT INTO reservations (order_id, product_id, quantity, state, updated_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (order_id, product_id) DO NOTHING",
    )
    .bind(order_id)
    .bind(&item.product_id)
    .bind(item.quantity)
    .bind(state)
    .bind(now)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(noted.rows_affected() > 0)
}

async fn put_back(tx: &mut Tx, item: &Item, now: i64) -> Result<()> {
    sqlx::query("UPDATE products SET stock = stock + $1, updated_at = $2 WHERE id = $3")
        .bind(item.quantity)
        .bind(now)
        .bind(&item.product_id)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

fn out_of_stock(item: &Item) -> Error {
    let text = format!("Fewer than {} of {:?} are left.", item.quantity, item.name);
    Error::new(OrderCode::OutOfStock, text).with_meta("product_id", &item.product_id)
}
