//! Quotes over HTTP.

use axum::extract;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_money::Money;
use shoal_service::{Json, OpenApiRouter, routes};
use utoipa::ToSchema;

use crate::State;
use crate::domain::orders::Item;
use crate::domain::quotes::{Quote, Wanted};
use crate::usecases::quotes;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(quote))
}

/// One line that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ItemRequest)]
pub(super) struct ItemBody {
    /// `prd_` id; each product at most once.
    #[schema(
        example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y",
        pattern = "^prd_[0-9A-Za-z]{26}$"
    )]
    product_id: String,
    /// Pieces.
    #[schema(example = 2, minimum = 1, maximum = 1000)]
    quantity: i64,
}

/// One line at the price that holds for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
pub(super) struct ItemView {
    /// `prd_` id.
    #[schema(example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    product_id: String,
    /// Name of the product.
    #[schema(example = "Enamel mug")]
    name: String,
    /// Pieces.
    #[schema(example = 2)]
    quantity: i64,
    /// Price of one piece.
    unit_price: Money,
    /// `quantity` times `unit_price`.
    line_total: Money,
}

/// Asks what items would cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuoteRequest {
    /// 1 to 50 lines.
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<ItemBody>,
    /// ISO 4217 code that is expected; absent accepts that of the products.
    #[schema(example = "EUR", pattern = "^([A-Z]{3})?$")]
    currency: Option<String>,
}

/// What items would cost now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quote)]
pub(super) struct QuoteView {
    /// Lines in the order of the request.
    items: Vec<ItemView>,
    /// Sum of the lines.
    total: Money,
    /// Whether the stock would suffice at this moment.
    available: bool,
}

/// Price a list of items.
///
/// Open to everybody; holds nothing.
#[utoipa::path(post, operation_id = "quote_items", path = "/order/v1/quotes", tag = "orders", request_body = QuoteRequest,
    responses((status = 200, description = "What the items cost now.", body = QuoteView)),
    extensions(("x-error-codes" = json!(["money.unknown_currency", "order.unknown_product", "order.product_inactive",
        "order.duplicate_product", "order.mixed_currencies", "order.currency_mismatch",
        "order.total_too_large"]))))]
async fn quote(
    extract::State(State(shop)): extract::State<State>,
    Json(body): Json<QuoteRequest>,
) -> Result<Json<QuoteView>> {
    let currency = body.currency.unwrap_or_default();
    Ok(Json(
        quotes::quote(&shop, wanted(body.items), &currency)
            .await?
            .into(),
    ))
}

pub(super) fn wanted(items: Vec<ItemBody>) -> Vec<Wanted> {
    let items = items.into_iter();
    items
        .map(|i| Wanted {
            product_id: i.product_id,
            quantity: i.quantity,
        })
        .collect()
}

impl From<Quote> for QuoteView {
    fn from(quote: Quote) -> Self {
        Self {
            items: quote.items.into_iter().map(ItemView::from).collect(),
            total: quote.total,
            available: quote.available,
        }
    }
}

impl From<Item> for ItemView {
    fn from(item: Item) -> Self {
        Self {
            product_id: item.product_id,
            name: item.name,
            quantity: item.quantity,
            unit_price: item.unit_price,
            line_total: item.line_total,
        }
    }
}
