//! Rows of products.

use std::collections::HashMap;

use shoal_error::{Error, Result};
use shoal_money::{Currency, Money};
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::placeholders;
use crate::domain::codes::OrderCode;
use crate::domain::products::{NewProduct, Product, ProductChange};

const COLUMNS: &str =
    "id, name, description, currency, price, stock, active, created_at, updated_at";

/// Products after the given id, in order of creation.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Product>> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
        .db()?;
    rows.iter().map(product).collect()
}

/// One product.
///
/// # Errors
/// [`OrderCode::ProductNotFound`].
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Product> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map_or_else(|| Err(not_found(id)), product)
}

/// Those of the products that are there.
pub(crate) async fn by_ids(conn: &mut Conn, ids: &[&str]) -> Result<HashMap<String, Product>> {
    let list = placeholders(1, ids.len());
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id IN ({list})");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(*id);
    }
    let rows = query.fetch_all(conn).await.db()?;
    rows.iter()
        .map(|row| product(row).map(|p| (p.id.clone(), p)))
        .collect()
}

/// Adds a product. One with a `seed_key` that is there already stays as it is;
/// then there is no answer.
pub(crate) async fn insert(
    conn: &mut Conn,
    new: &NewProduct,
    seed_key: Option<&str>,
    now: i64,
) -> Result<Option<Product>> {
    let sql = format!(
        "INSERT INTO products \
         (id, name, description, currency, price, stock, active, seed_key, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $8) \
         ON CONFLICT (seed_key) DO NOTHING RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(shoal_store::id::new("prd"))
        .bind(&new.name)
        .bind(&new.description)
        .bind(new.price.currency().code())
        .bind(new.price.minor_units())
        .bind(new.stock)
        .bind(seed_key)
        .bind(now)
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map(product).transpose()
}

/// Products that seeding made.
pub(crate) async fn seeded(conn: &mut Conn) -> Result<Vec<Product>> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE seed_key IS NOT NULL ORDER BY id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(conn).await.db()?;
    rows.iter().map(product).collect()
}

/// Changes what the change names and nothing else, so that two admins who change
/// different fields do not undo each other.
pub(crate) async fn update(
    conn: &mut Conn,
    id: &str,
    change: &ProductChange,
    now: i64,
) -> Result<Product> {
    let sql = format!(
        "UPDATE products SET name = COALESCE($1, name), \
         description = COALESCE($2, description), price = COALESCE($3, price), \
         active = COALESCE($4, active), updated_at = $5 WHERE id = $6 RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(change.name.as_deref())
        .bind(change.description.as_deref())
        .bind(change.price.map(Money::minor_units))
        .bind(change.active.map(i64::from))
        .bind(now)
        .bind(id)
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map_or_else(|| Err(not_found(id)), product)
}

/// Adds to the stock, or takes from it.
///
/// # Errors
/// [`OrderCode::StockBelowZero`], [`OrderCode::StockTooLarge`],
/// [`OrderCode::ProductNotFound`].
pub(crate) async fn adjust_stock(
    conn: &mut Conn,
    id: &str,
    delta: i64,
    now: i64,
) -> Result<Product> {
    let sql = format!(
        "UPDATE products SET stock = stock + $1, updated_at = $2 WHERE id = $3 RETURNING {COLUMNS}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(delta)
        .bind(now)
        .bind(id)
        .fetch_optional(conn)
        .await
        .on_constraint("products_stock_non_negative", || {
            Error::new(
                OrderCode::StockBelowZero,
                "There are fewer pieces in stock than that.",
            )
        })
        .on_constraint("products_stock_bounded", || {
            Error::new(
                OrderCode::StockTooLarge,
                "The stock would be above 1,000,000,000.",
            )
        })
        .db()?;
    row.as_ref().map_or_else(|| Err(not_found(id)), product)
}

fn not_found(id: &str) -> Error {
    Error::new(
        OrderCode::ProductNotFound,
        format!("There is no product {id:?}."),
    )
}

fn product(row: &AnyRow) -> Result<Product> {
    let currency: String = row.try_get("currency").db()?;
    let currency = Currency::parse(&currency).map_err(Error::internal)?;
    Ok(Product {
        id: row.try_get("id").db()?,
        name: row.try_get("name").db()?,
        description: row.try_get("description").db()?,
        price: Money::new(currency, row.try_get("price").db()?),
        stock: row.try_get("stock").db()?,
        active: row.try_get::<i64, _>("active").db()? != 0,
        created_at_ms: row.try_get("created_at").db()?,
        updated_at_ms: row.try_get("updated_at").db()?,
    })
}
