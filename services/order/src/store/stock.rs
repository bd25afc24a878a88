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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use shoal_money::{Currency, Money};
    use shoal_service::Module as _;
    use shoal_store::Store;
    use shoal_testkit::TestDb;

    use super::*;
    use crate::domain::orders::Order;
    use crate::domain::products::NewProduct;
    use crate::domain::status::Status;
    use crate::store::{orders, products};

    const STOCK: i64 = 5;

    /// A product and a pending order for two pieces of it.
    async fn shelf(db: &TestDb) -> (Store, Order) {
        let store = db.store("order", crate::Order::migrations().unwrap()).await;
        let price = Money::new(Currency::EUR, 10);
        let new = NewProduct::check("Lamp", "", Ok(price), STOCK).unwrap();
        let mut tx = store.begin().await.unwrap();
        let product = products::insert(&mut tx, &new, None, 1)
            .await
            .unwrap()
            .unwrap();
        let item = Item {
            product_id: product.id,
            name: product.name,
            quantity: 2,
            unit_price: price,
            line_total: price.checked_mul(2).unwrap(),
        };
        let order = Order {
            id: shoal_store::id::new("ord"),
            user_id: "usr_1".into(),
            status: Status::Pending,
            total: item.line_total,
            items: vec![item],
            payment_id: None,
            rejection: None,
            cancel_reason: String::new(),
            saga_id: "sga_1".into(),
            created_at_ms: 1,
            updated_at_ms: 1,
        };
        let key = orders::Key {
            key: "k1",
            fingerprint: "f1",
        };
        orders::insert(&mut tx, &order, &key).await.unwrap();
        tx.commit().await.unwrap();
        (store, order)
    }

    /// Reserves (true) or releases (false), each in a transaction of its own, and
    /// gives the stock at the end.
    async fn after(store: &Store, order: &Order, moves: &[bool]) -> i64 {
        for reserves in moves {
            let mut tx = store.begin().await.unwrap();
            if *reserves {
                reserve(&mut tx, &order.id, &order.items, 2).await.unwrap();
            } else {
                release(&mut tx, &order.id, &order.items, 2).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        let mut conn = store.read().await.unwrap();
        products::get(&mut conn, &order.items[0].product_id)
            .await
            .unwrap()
            .stock
    }

    #[tokio::test]
    async fn reserving_and_releasing_twice_is_doing_it_once() {
        for db in TestDb::all().await {
            let (store, order) = shelf(&db).await;
            assert_eq!(after(&store, &order, &[true, true]).await, STOCK - 2);
            assert_eq!(after(&store, &order, &[false, false]).await, STOCK);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn a_reservation_that_comes_after_the_release_takes_nothing() {
        for db in TestDb::all().await {
            let (store, order) = shelf(&db).await;
            assert_eq!(after(&store, &order, &[false, true]).await, STOCK);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn the_database_itself_refuses_a_stock_below_zero() {
        for db in TestDb::all().await {
            let (store, order) = shelf(&db).await;
            let mut tx = store.begin().await.unwrap();
            let id = &order.items[0].product_id;
            let sold_out = products::adjust_stock(&mut tx, id, -STOCK - 1, 2)
                .await
                .unwrap_err();
            assert!(sold_out.is(OrderCode::StockBelowZero));
            drop(tx);
            store.close().await;
        }
    }
}
