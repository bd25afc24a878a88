//! Rows of orders and their lines.

use std::collections::HashMap;

use shoal_error::{CommonCode, Error, Result};
use shoal_money::{Currency, Money};
use shoal_store::{Conn, SqlResultExt as _, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::placeholders;
use crate::domain::codes::OrderCode;
use crate::domain::orders::{Item, Order, Rejection};
use crate::domain::status::{Move, Status};

const COLUMNS: &str = "id, user_id, status, currency, total, payment_id, rejection_code, \
     rejection_message, cancel_reason, saga_id, created_at, updated_at";

/// Sorts after every order's id in any collation.
const AFTER_ALL: &str = "zzz";

/// Under what an order is placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    /// The buyer's idempotency key.
    pub(crate) key: &'a str,
    /// Of the whole request.
    pub(crate) fingerprint: &'a str,
}

/// Which orders a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter<'a> {
    /// Only this buyer's.
    pub(crate) user_id: Option<&'a str>,
    /// Only those in this state.
    pub(crate) status: Option<Status>,
}

/// Adds a pending order with its lines.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &mut Tx, order: &Order, key: &Key<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO orders (id, user_id, status, currency, total, cancel_reason, saga_id, \
         idempotency_key, fingerprint, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $9)",
    )
    .bind(&order.id)
    .bind(&order.user_id)
    .bind(order.status.name())
    .bind(order.total.currency().code())
    .bind(order.total.minor_units())
    .bind(&order.saga_id)
    .bind(key.key)
    .bind(key.fingerprint)
    .bind(order.created_at_ms)
    .execute(&mut **tx)
    .await
    .db()?;
    for (line, item) in (1_i64..).zip(&order.items) {
        sqlx::query(
            "INSERT INTO order_items (order_id, line, product_id, name, quantity, unit_price) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&order.id)
        .bind(line)
        .bind(&item.product_id)
        .bind(&item.name)
        .bind(item.quantity)
        .bind(item.unit_price.minor_units())
        .execute(&mut **tx)
        .await
        .db()?;
    }
    Ok(())
}

/// One order.
///
/// # Errors
/// [`OrderCode::OrderNotFound`].
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Order> {
    let sql = format!("SELECT {COLUMNS} FROM orders WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    let rows = Vec::from_iter(row);
    let order = with_items(conn, &rows).await?.pop();
    order.ok_or_else(|| not_found(id))
}

/// The order that a buyer placed under a key, if there is one.
///
/// # Errors
/// [`CommonCode::IdempotencyKeyReused`] when that was for another request.
pub(crate) async fn by_key(conn: &mut Conn, user_id: &str, key: &Key<'_>) -> Result<Option<Order>> {
    let sql = format!(
        "SELECT {COLUMNS}, fingerprint FROM orders WHERE user_id = $1 AND idempotency_key = $2"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(user_id).bind(key.key);
    let rows = Vec::from_iter(query.fetch_optional(&mut *conn).await.db()?);
    for row in &rows {
        if row.try_get::<String, _>("fingerprint").db()? != key.fingerprint {
            let text = "The idempotency key was used for another order.";
            return Err(Error::new(CommonCode::IdempotencyKeyReused, text));
        }
    }
    Ok(with_items(conn, &rows).await?.pop())
}

/// Orders before the given id (empty for the newest), the newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: Filter<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Order>> {
    let mut sql = format!("SELECT {COLUMNS} FROM orders WHERE id < $1");
    let mut bound: Vec<&str> = vec![if before.is_empty() { AFTER_ALL } else { before }];
    if let Some(user_id) = filter.user_id {
        bound.push(user_id);
        sql += &format!(" AND user_id = ${}", bound.len());
    }
    if let Some(status) = filter.status {
        bound.push(status.name());
        sql += &format!(" AND status = ${}", bound.len());
    }
    sql += &format!(" ORDER BY id DESC LIMIT ${}", bound.len() + 1);
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in bound {
        query = query.bind(value);
    }
    let rows = query.bind(limit).fetch_all(&mut *conn).await.db()?;
    with_items(conn, &rows).await
}

/// Moves an order, provided that its state admits it at this very moment; `None`
/// when it does not.
///
/// # Errors
/// Those of the database, and a move that no state admits.
pub(crate) async fn advance(tx: &mut Tx, id: &str, by: Move, now: i64) -> Result<Option<Order>> {
    let Some(from) = by.sources().next() else {
        return Err(Error::internal(format!("no state admits {by:?}")));
    };
    let moved =
        sqlx::query("UPDATE orders SET status = $1, updated_at = $2 WHERE id = $3 AND status = $4")
            .bind(from.after(by)?.name())
            .bind(now)
            .bind(id)
            .bind(from.name())
            .execute(&mut **tx)
            .await
            .db()?;
    if moved.rows_affected() == 0 {
        return Ok(None);
    }
    get(tx, id).await.map(Some)
}

/// Notes that money and stock of a pending order are arranged.
///
/// # Errors
/// Those of the database.
pub(crate) async fn settle(tx: &mut Tx, id: &str, payment_id: &str, now: i64) -> Result<()> {
    sqlx::query(
        "UPDATE orders SET payment_id = $1, settled_at = $2, updated_at = $2 \
         WHERE id = $3 AND status = 'pending'",
    )
    .bind(payment_id)
    .bind(now)
    .bind(id)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Takes [`settle`] back.
///
/// # Errors
/// Those of the database.
pub(crate) async fn unsettle(tx: &mut Tx, id: &str, now: i64) -> Result<()> {
    sqlx::query(
        "UPDATE orders SET payment_id = NULL, settled_at = NULL, updated_at = $1 \
         WHERE id = $2 AND status = 'pending'",
    )
    .bind(now)
    .bind(id)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Says why an order was rejected.
///
/// # Errors
/// Those of the database.
pub(crate) async fn set_rejection(tx: &mut Tx, id: &str, why: &Rejection) -> Result<()> {
    sqlx::query("UPDATE orders SET rejection_code = $1, rejection_message = $2 WHERE id = $3")
        .bind(&why.code)
        .bind(&why.message)
        .bind(id)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Notes who cancels an order and why.
///
/// # Errors
/// Those of the database.
pub(crate) async fn set_cancelling(tx: &mut Tx, id: &str, saga: &str, reason: &str) -> Result<()> {
    sqlx::query("UPDATE orders SET cancel_reason = $1, saga_id = $2 WHERE id = $3")
        .bind(reason)
        .bind(saga)
        .bind(id)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

fn not_found(id: &str) -> Error {
    Error::new(
        OrderCode::OrderNotFound,
        format!("There is no order {id:?}."),
    )
}

/// Reads the lines of all orders at once.
async fn with_items(conn: &mut Conn, rows: &[AnyRow]) -> Result<Vec<Order>> {
    let mut orders: Vec<Order> = rows.iter().map(order).collect::<Result<_>>()?;
    if orders.is_empty() {
        return Ok(orders);
    }
    let sql = format!(
        "SELECT order_id, product_id, name, quantity, unit_price FROM order_items \
         WHERE order_id IN ({}) ORDER BY order_id, line",
        placeholders(1, orders.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for order in &orders {
        query = query.bind(order.id.clone());
    }
    let lines = query.fetch_all(conn).await.db()?;
    let at: HashMap<String, usize> = orders
        .iter()
        .enumerate()
        .map(|(n, order)| (order.id.clone(), n))
        .collect();
    for line in &lines {
        let order_id: String = line.try_get("order_id").db()?;
        if let Some(order) = at.get(&order_id).and_then(|n| orders.get_mut(*n)) {
            let currency = order.total.currency();
            order.items.push(item(line, currency)?);
        }
    }
    Ok(orders)
}

fn order(row: &AnyRow) -> Result<Order> {
    let status: String = row.try_get("status").db()?;
    let currency: String = row.try_get("currency").db()?;
    let currency = Currency::parse(&currency).map_err(Error::internal)?;
    let rejection = row.try_get::<Option<String>, _>("rejection_code").db()?;
    let why = row.try_get::<Option<String>, _>("rejection_message").db()?;
    let unknown = || Error::internal(format!("unknown status {status:?}"));
    Ok(Order {
        id: row.try_get("id").db()?,
        user_id: row.try_get("user_id").db()?,
        status: Status::from_name(&status).ok_or_else(unknown)?,
        items: Vec::new(),
        total: Money::new(currency, row.try_get("total").db()?),
        payment_id: row.try_get("payment_id").db()?,
        rejection: rejection.map(|code| Rejection {
            code,
            message: why.unwrap_or_default(),
        }),
        cancel_reason: row.try_get("cancel_reason").db()?,
        saga_id: row.try_get("saga_id").db()?,
        created_at_ms: row.try_get("created_at").db()?,
        updated_at_ms: row.try_get("updated_at").db()?,
    })
}

fn item(row: &AnyRow, currency: Currency) -> Result<Item> {
    let quantity: i64 = row.try_get("quantity").db()?;
    let unit_price = Money::new(currency, row.try_get("unit_price").db()?);
    Ok(Item {
        product_id: row.try_get("product_id").db()?,
        name: row.try_get("name").db()?,
        quantity,
        unit_price,
        line_total: unit_price.checked_mul(quantity)?,
    })
}
