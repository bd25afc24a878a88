//! Products over HTTP.

use axum::extract;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_money::{Money, MoneyInput};
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, present, routes};
use shoal_store::Page;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use super::caller;
use crate::State;
use crate::domain::products::{NewProduct, Product, ProductChange};
use crate::usecases::products;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_products, create_product))
        .routes(routes!(get_product, update_product))
        .routes(routes!(adjust_stock))
}

/// Something that can be ordered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductView {
    /// `prd_` and a ULID.
    #[schema(example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    id: String,
    /// What the shopper reads.
    #[schema(example = "Enamel mug")]
    name: String,
    /// Longer text; may be empty.
    #[schema(example = "Blue, half a litre, does not break.")]
    description: String,
    /// Price of one piece.
    price: Money,
    /// Pieces that can be ordered now.
    #[schema(example = 500, minimum = 0)]
    stock: i64,
    /// Whether it can be ordered at all.
    active: bool,
    /// When it was created, Unix milliseconds.
    created_at_ms: i64,
    /// When it last changed, Unix milliseconds.
    updated_at_ms: i64,
}

/// A new product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProduct {
    /// 1 to 120 characters.
    #[schema(
        example = "Enamel mug",
        min_length = 1,
        max_length = 120,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    name: String,
    /// At most 2,000 characters.
    #[serde(default)]
    #[schema(
        example = "Blue, half a litre, does not break.",
        max_length = 2000,
        pattern = "^[^\\u0000]*$"
    )]
    description: String,
    /// Price of one piece, more than nothing.
    price: MoneyInput,
    /// Pieces in stock.
    #[schema(example = 500, minimum = 0, maximum = 1_000_000_000)]
    stock: i64,
}

/// Changes of a product; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"price": {"currency": "EUR", "decimal": "15.90"}}))]
pub(super) struct UpdateProduct {
    /// 1 to 120 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 120,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    name: Option<String>,
    /// At most 2,000 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, max_length = 2000, pattern = "^[^\\u0000]*$")]
    description: Option<String>,
    /// In the currency that the product has. Orders that exist keep the price they
    /// were placed at.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    price: Option<MoneyInput>,
    /// Whether it can be ordered.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    active: Option<bool>,
}

/// A delivery or a loss.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdjustStock {
    /// Pieces to add; negative to take away, at most what is there.
    #[schema(schema_with = delta)]
    delta: i64,
}

/// Anything but zero.
fn delta() -> Schema {
    let between = |least: i64, most: i64| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(least))
            .maximum(Some(most))
    };
    let most = i64::from(1_000_000_000);
    OneOfBuilder::new()
        .description(Some(
            "Pieces to add; negative to take away, at most what is there.",
        ))
        .item(between(1, most))
        .item(between(-most, -1))
        .examples([serde_json::json!(100)])
        .into()
}

/// List products.
///
/// In order of creation. Open to everybody.
#[utoipa::path(get, path = "/order/v1/products", tag = "products", params(PageRequest),
    responses((status = 200, description = "A page of products.", body = Page<ProductView>)))]
async fn list_products(
    extract::State(State(shop)): extract::State<State>,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<ProductView>>> {
    Ok(Json(
        products::list(&shop, &page).await?.map(ProductView::from),
    ))
}

/// Read a product.
#[utoipa::path(get, path = "/order/v1/products/{id}", tag = "products",
    params(("id" = String, Path, description = "`prd_` id.", example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y")),
    responses((status = 200, description = "The product.", body = ProductView)),
    extensions(("x-error-codes" = json!(["order.product_not_found"]))))]
async fn get_product(
    extract::State(State(shop)): extract::State<State>,
    Path(id): Path<String>,
) -> Result<Json<ProductView>> {
    Ok(Json(products::get(&shop, &id).await?.into()))
}

/// Create a product.
///
/// Needs the role `admin`.
#[utoipa::path(post, path = "/order/v1/products", tag = "products", request_body = CreateProduct,
    responses((status = 201, description = "The new product.", body = ProductView)),
    extensions(("x-error-codes" = json!(["money.unknown_currency", "money.not_positive",
        "money.wrong_minor_digits", "money.overflow", "money.malformed"]))),
    security(("bearer" = [])))]
async fn create_product(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Json(body): Json<CreateProduct>,
) -> Result<(StatusCode, Json<ProductView>)> {
    let new = NewProduct::check(
        &body.name,
        &body.description,
        body.price.parse(),
        body.stock,
    )?;
    let made = products::create(&shop, &caller(&identity), &new).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Change a product.
///
/// Needs the role `admin`. What is absent stays as it is.
#[utoipa::path(patch, path = "/order/v1/products/{id}", tag = "products",
    params(("id" = String, Path, description = "`prd_` id.", example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y")), request_body = UpdateProduct,
    responses((status = 200, description = "The changed product.", body = ProductView)),
    extensions(("x-error-codes" = json!(["order.product_not_found", "order.currency_mismatch",
        "money.unknown_currency", "money.not_positive", "money.wrong_minor_digits",
        "money.overflow", "money.malformed"]))),
    security(("bearer" = [])))]
async fn update_product(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<UpdateProduct>,
) -> Result<Json<ProductView>> {
    let change = ProductChange::check(
        body.name.as_deref(),
        body.description.as_deref(),
        body.price.map(|price| price.parse()),
        body.active,
    )?;
    Ok(Json(
        products::update(&shop, &caller(&identity), &id, &change)
            .await?
            .into(),
    ))
}

/// Correct the stock of a product.
///
/// Needs the role `admin`. Never goes below zero.
#[utoipa::path(post, path = "/order/v1/products/{id}/stock", tag = "products",
    params(("id" = String, Path, description = "`prd_` id.", example = "prd_01jd2m3n4p5q6r7s8t9v0w1x2y")), request_body = AdjustStock,
    responses((status = 200, description = "The product with its new stock.", body = ProductView)),
    extensions(("x-error-codes" = json!(["order.product_not_found", "order.stock_below_zero",
        "order.stock_too_large"]))),
    security(("bearer" = [])))]
async fn adjust_stock(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<AdjustStock>,
) -> Result<Json<ProductView>> {
    Ok(Json(
        products::adjust_stock(&shop, &caller(&identity), &id, body.delta)
            .await?
            .into(),
    ))
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            name: product.name,
            description: product.description,
            price: product.price,
            stock: product.stock,
            active: product.active,
            created_at_ms: product.created_at_ms,
            updated_at_ms: product.updated_at_ms,
        }
    }
}
