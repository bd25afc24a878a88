//! What items would cost now.

use shoal_error::Result;

use super::Shop;
use crate::domain::quotes::{Cart, Quote, Wanted};
use crate::store::products;

pub(crate) async fn quote(shop: &Shop, items: Vec<Wanted>, currency: &str) -> Result<Quote> {
    let cart = Cart::check(items, currency, shop.limits)?;
    let mut conn = shop.store.read().await?;
    let products = products::by_ids(&mut conn, &cart.product_ids()).await?;
    cart.quote(&products)
}
