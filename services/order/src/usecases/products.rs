//! Reading and changing the catalogue.

use shoal_error::Result;
use shoal_store::{Page, PageRequest};

use super::Shop;
use crate::domain::caller::Caller;
use crate::domain::demo;
use crate::domain::products::{NewProduct, Product, ProductChange, check_delta};
use crate::store::products;

const LIST: &str = "products";

pub(crate) async fn list(shop: &Shop, page: &PageRequest) -> Result<Page<Product>> {
    let (after, fetch) = (page.after(LIST)?, page.fetch()?);
    let mut conn = shop.store.read().await?;
    let rows = products::list(&mut conn, &after, fetch).await?;
    Page::cut(rows, page, LIST, |product| [product.id.clone()])
}

pub(crate) async fn get(shop: &Shop, id: &str) -> Result<Product> {
    let mut conn = shop.store.read().await?;
    products::get(&mut conn, id).await
}

pub(crate) async fn create(shop: &Shop, caller: &Caller, new: &NewProduct) -> Result<Product> {
    caller.require_admin()?;
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let made = products::insert(&mut tx, new, None, now).await?;
    tx.commit().await?;
    // Only a seeded product can be there already.
    made.ok_or_else(|| shoal_error::Error::internal("a new product was not added"))
}

pub(crate) async fn update(
    shop: &Shop,
    caller: &Caller,
    id: &str,
    change: &ProductChange,
) -> Result<Product> {
    caller.require_admin()?;
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let current = products::get(&mut tx, id).await?;
    change.check_currency(current.price.currency())?;
    let changed = products::update(&mut tx, id, change, now).await?;
    tx.commit().await?;
    Ok(changed)
}

pub(crate) async fn adjust_stock(
    shop: &Shop,
    caller: &Caller,
    id: &str,
    delta: i64,
) -> Result<Product> {
    caller.require_admin()?;
    let delta = check_delta(delta)?;
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let changed = products::adjust_stock(&mut tx, id, delta, now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Puts the demonstration catalogue in place; says how many products were new,
/// and what the catalogue is now.
pub(crate) async fn seed(shop: &Shop) -> Result<(u32, Vec<Product>)> {
    let mut tx = shop.store.begin().await?;
    let now = tx.now_ms();
    let mut created = 0;
    for row in demo::catalogue() {
        let made = products::insert(&mut tx, &row.product, Some(row.key), now).await?;
        created += u32::from(made.is_some());
    }
    let all = products::seeded(&mut tx).await?;
    tx.commit().await?;
    Ok((created, all))
}
