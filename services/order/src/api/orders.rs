//! Orders over HTTP.

use axum::extract;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_money::Money;
use shoal_service::{
    IdempotencyKey, Identity, Json, OpenApiRouter, PageRequest, Path, Query, routes,
};
use shoal_store::Page;
use utoipa::{IntoParams, ToSchema};

use super::caller;
use super::quotes::{ItemBody, ItemView, wanted};
use crate::State;
use crate::domain::orders::{Order, Rejection};
use crate::domain::status::Status;
use crate::usecases::orders::Wish;
use crate::usecases::place::PlaceRequest;
use crate::usecases::{cancel, orders, place};

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_orders, place_order))
        .routes(routes!(get_order))
        .routes(routes!(cancel_order))
        .routes(routes!(fulfil_order))
}

/// Places an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrder {
    /// 1 to 50 lines.
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<ItemBody>,
    /// Token of the payment method as the payment provider gave it; absent takes
    /// the provider's default. Never a card number.
    #[schema(example = "pm_card", max_length = 200, pattern = "^[!-~]*$")]
    payment_method: Option<String>,
    /// ISO 4217 code that is expected; absent accepts that of the products.
    #[schema(example = "EUR", pattern = "^([A-Z]{3})?$")]
    currency: Option<String>,
    /// The total that the shopper saw, in minor units; another one is refused.
    #[schema(example = 2980)]
    expected_total_minor_units: Option<i64>,
}

/// Cancels an order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelOrder {
    /// For the record, at most 500 characters.
    #[serde(default)]
    #[schema(
        example = "Changed my mind",
        max_length = 500,
        pattern = "^[^\\u0000]*$"
    )]
    reason: String,
}

/// Which orders are wanted, beside `limit` and `cursor`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderFilter {
    /// Only orders in this state.
    status: Option<StatusView>,
    /// Only orders of this buyer; for the role `admin`.
    user_id: Option<String>,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderStatus)]
pub(super) enum StatusView {
    /// Accepted; stock and money are being arranged.
    Pending,
    /// Paid and reserved.
    Confirmed,
    /// Could not be arranged; nothing is held or charged.
    Rejected,
    /// Being given back.
    Cancelling,
    /// Given back: money refunded, stock released.
    Cancelled,
    /// Handed over.
    Fulfilled,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderView {
    /// `ord_` and a ULID.
    #[schema(example = "ord_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    id: String,
    /// The buyer.
    #[schema(example = "usr_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    user_id: String,
    /// Where it stands.
    status: StatusView,
    /// Lines at the prices of the time of the order.
    items: Vec<ItemView>,
    /// Sum of the lines.
    total: Money,
    /// The payment in billing, once money was taken.
    #[schema(required, example = "pay_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    payment_id: Option<String>,
    /// Why it was rejected, if it was.
    #[schema(required, example = json!(null))]
    rejection: Option<RejectionView>,
    /// What the one who cancelled said; empty otherwise.
    #[schema(example = "")]
    cancel_reason: String,
    /// What can be done to it in this state.
    #[schema(example = json!(["cancel", "fulfil"]))]
    allowed: Vec<&'static str>,
    /// When it was placed, Unix milliseconds.
    created_at_ms: i64,
    /// When it last changed, Unix milliseconds.
    updated_at_ms: i64,
}

/// Why an order was rejected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rejection)]
pub(super) struct RejectionView {
    /// Code of the order catalogue.
    #[schema(example = "order.payment_declined")]
    code: String,
    /// For people.
    #[schema(example = "The payment was declined.")]
    message: String,
}

type Placed = (StatusCode, HeaderMap, Json<OrderView>);

/// Place an order.
///
/// Durable before anything else; then stock is reserved and money taken. Answers
/// 201 when that is done, 202 when it takes longer: the order goes on by itself,
/// follow `Location`. When it cannot be had, nothing is held or charged.
///
/// The same key with the same body replays the first answer.
#[utoipa::path(post, path = "/order/v1/orders", tag = "orders", params(IdempotencyKey),
    request_body = PlaceOrder,
    responses(
        (status = 201, description = "Paid and reserved.", body = OrderView,
            headers(("location" = String, description = "Path of the order."))),
        (status = 202, description = "Still being arranged.", body = OrderView,
            headers(("location" = String, description = "Path of the order.")))),
    extensions(("x-error-codes" = json!(["money.unknown_currency", "order.unknown_product", "order.product_inactive",
        "order.duplicate_product", "order.mixed_currencies", "order.currency_mismatch",
        "order.total_too_large", "order.price_changed", "order.out_of_stock",
        "order.payment_declined", "order.payment_invalid", "order.payment_unavailable",
        "order.not_arranged"]))),
    security(("bearer" = [])))]
async fn place_order(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    key: IdempotencyKey,
    Json(body): Json<PlaceOrder>,
) -> Result<Placed> {
    let request = PlaceRequest {
        items: wanted(body.items),
        currency: body.currency.unwrap_or_default(),
        payment_method: body.payment_method.unwrap_or_default(),
        expected_total: body.expected_total_minor_units,
    };
    let order = place::place(&shop, &caller(&identity), key.as_str(), request).await?;
    Ok(placed(order, Status::Pending, StatusCode::CREATED))
}

/// List orders.
///
/// One's own, the newest first; the role `admin` sees everybody's.
#[utoipa::path(get, path = "/order/v1/orders", tag = "orders", params(PageRequest, OrderFilter),
    responses((status = 200, description = "A page of orders.", body = Page<OrderView>)),
    security(("bearer" = [])))]
async fn list_orders(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    PageRequest(page): PageRequest,
    Query(filter): Query<OrderFilter>,
) -> Result<Json<Page<OrderView>>> {
    let wish = Wish {
        status: filter.status.map(Status::from),
        user_id: filter.user_id,
    };
    let page = orders::list(&shop, &caller(&identity), &wish, &page).await?;
    Ok(Json(page.map(OrderView::from)))
}

/// Read an order.
///
/// One's own; the roles `admin` and `fulfilment` see any.
#[utoipa::path(get, path = "/order/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "`ord_` id.", example = "ord_01jd2m3n4p5q6r7s8t9v0w1x2y")),
    responses((status = 200, description = "The order.", body = OrderView)),
    extensions(("x-error-codes" = json!(["order.order_not_found"]))),
    security(("bearer" = [])))]
async fn get_order(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<OrderView>> {
    Ok(Json(
        orders::get(&shop, &caller(&identity), &id).await?.into(),
    ))
}

/// Cancel an order.
///
/// Gives a confirmed order back: money refunded, stock released. Answers 200 when
/// that is done, 202 when it takes longer.
#[utoipa::path(post, path = "/order/v1/orders/{id}/cancel", tag = "orders",
    params(("id" = String, Path, description = "`ord_` id.", example = "ord_01jd2m3n4p5q6r7s8t9v0w1x2y")), request_body = CancelOrder,
    responses(
        (status = 200, description = "Cancelled.", body = OrderView),
        (status = 202, description = "Still being given back.", body = OrderView,
            headers(("location" = String, description = "Path of the order.")))),
    extensions(("x-error-codes" = json!(["order.order_not_found", "order.illegal_move",
        "order.refund_refused"]))),
    security(("bearer" = [])))]
async fn cancel_order(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<CancelOrder>,
) -> Result<Placed> {
    let order = cancel::cancel(&shop, &caller(&identity), &id, &body.reason).await?;
    Ok(placed(order, Status::Cancelling, StatusCode::OK))
}

/// Fulfil an order.
///
/// Marks a confirmed order as handed over. Needs the role `admin` or `fulfilment`.
#[utoipa::path(post, path = "/order/v1/orders/{id}/fulfil", tag = "orders",
    params(("id" = String, Path, description = "`ord_` id.", example = "ord_01jd2m3n4p5q6r7s8t9v0w1x2y")),
    responses((status = 200, description = "Handed over.", body = OrderView)),
    extensions(("x-error-codes" = json!(["order.order_not_found", "order.illegal_move"]))),
    security(("bearer" = [])))]
async fn fulfil_order(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<OrderView>> {
    Ok(Json(
        orders::fulfil(&shop, &caller(&identity), &id).await?.into(),
    ))
}

/// 202 while the order is on its way, else the given status; where it is, always.
fn placed(order: Order, on_its_way: Status, done: StatusCode) -> Placed {
    let status = if order.status == on_its_way {
        StatusCode::ACCEPTED
    } else {
        done
    };
    let mut headers = HeaderMap::new();
    if let Ok(path) = HeaderValue::from_str(&format!("/order/v1/orders/{}", order.id)) {
        headers.insert(header::LOCATION, path);
    }
    (status, headers, Json(order.into()))
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            user_id: order.user_id,
            status: order.status.into(),
            items: order.items.into_iter().map(ItemView::from).collect(),
            total: order.total,
            payment_id: order.payment_id,
            rejection: order.rejection.map(RejectionView::from),
            cancel_reason: order.cancel_reason,
            allowed: order.status.allowed(),
            created_at_ms: order.created_at_ms,
            updated_at_ms: order.updated_at_ms,
        }
    }
}

impl From<Rejection> for RejectionView {
    fn from(why: Rejection) -> Self {
        Self {
            code: why.code,
            message: why.message,
        }
    }
}

impl From<Status> for StatusView {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Confirmed => Self::Confirmed,
            Status::Rejected => Self::Rejected,
            Status::Cancelling => Self::Cancelling,
            Status::Cancelled => Self::Cancelled,
            Status::Fulfilled => Self::Fulfilled,
        }
    }
}

impl From<StatusView> for Status {
    fn from(status: StatusView) -> Self {
        match status {
            StatusView::Pending => Self::Pending,
            StatusView::Confirmed => Self::Confirmed,
            StatusView::Rejected => Self::Rejected,
            StatusView::Cancelling => Self::Cancelling,
            StatusView::Cancelled => Self::Cancelled,
            StatusView::Fulfilled => Self::Fulfilled,
        }
    }
}
