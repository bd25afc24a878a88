//! `/billing/v1/payments`.

use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use shoal_error::{CommonCode, Error, Result};
use shoal_money::{Money, MoneyInput};
use shoal_service::{IdempotencyKey, Identity, Json, OpenApiRouter, Path, Query, routes};
use shoal_store::{Page, PageRequest};
use utoipa::IntoParams;

use super::views::{
    CaptureBody, MovementView, NewPayment, OperationView, PaymentDetail, PaymentView, RefundBody,
};
use super::{caller, may_move_money, viewer};
use crate::domain::payment::Status;
use crate::engine::Outcome;
use crate::module::State;
use crate::store::payments::Filter;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get_one))
        .routes(routes!(capture))
        .routes(routes!(void))
        .routes(routes!(refund))
}

/// Authorize a payment.
///
/// For administrators and services; customers pay by placing orders. Answers 202
/// when the provider has not answered yet: read the payment, or send the same
/// request again. Nobody is charged twice for one key.
#[utoipa::path(post, operation_id = "create_payment", path = "/billing/v1/payments", tag = "payments",
    params(IdempotencyKey),
    request_body = NewPayment,
    responses(
        (status = 201, description = "Authorized.", body = PaymentView,
            headers(("location" = String, description = "Path of the payment."))),
        (status = 202, description = "The provider's answer is awaited.", body = PaymentView,
            headers(("location" = String, description = "Path of the payment.")))),
    extensions(("x-error-codes" = json!([
        "billing.payment_declined", "billing.payment_failed", "billing.reference_cancelled",
        "billing.amount_too_large", "billing.currency_not_accepted", "billing.lines_mismatch",
        "money.unknown_currency", "money.not_positive", "money.wrong_minor_digits",
        "money.overflow", "money.malformed", "money.currency_mismatch", "common.conflict"]))),
    security(("bearer" = [])))]
async fn create(
    Shared(state): Shared<State>,
    identity: Identity,
    key: IdempotencyKey,
    Json(body): Json<NewPayment>,
) -> Result<(StatusCode, HeaderMap, Json<PaymentView>)> {
    may_move_money(&identity)?;
    let outcome = state
        .engine
        .authorize(caller(&identity, &key), body.parse()?)
        .await?;
    let (status, payment) = match outcome {
        Outcome::Done(done) => (StatusCode::CREATED, done.payment),
        Outcome::Pending(pending) => (StatusCode::ACCEPTED, pending.payment),
    };
    let mut headers = HeaderMap::new();
    if let Ok(place) = HeaderValue::from_str(&format!("/billing/v1/payments/{}", payment.id)) {
        headers.insert(header::LOCATION, place);
    }
    Ok((status, headers, Json(payment.into())))
}

/// Which payments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this customer; for administrators.
    user_id: Option<String>,
    /// Only those under this reference.
    reference: Option<String>,
    /// Only those with this status.
    #[param(value_type = Option<Status>)]
    status: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List payments, newest first.
///
/// Customers see their own, administrators all.
#[utoipa::path(get, operation_id = "list_payments", path = "/billing/v1/payments", tag = "payments", params(ListQuery),
    responses((status = 200, description = "A page.", body = Page<PaymentView>)),
    security(("bearer" = [])))]
async fn list(
    Shared(state): Shared<State>,
    identity: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<PaymentView>>> {
    let filter = Filter {
        user_id: viewer(&identity).limit(query.user_id)?,
        reference: query.reference,
        status: query.status.as_deref().map(status).transpose()?,
    };
    let page = PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    Ok(Json(
        state
            .engine
            .payments(&filter, &page)
            .await?
            .map(PaymentView::from),
    ))
}

fn status(name: &str) -> Result<Status> {
    Status::from_name(name).ok_or_else(|| {
        let names = Status::ALL.map(Status::as_str).join(", ");
        let text = format!("must be one of {names}");
        Error::new(CommonCode::InvalidQuery, format!("status {text}.")).with_field("status", text)
    })
}

/// Read a payment and its operations.
#[utoipa::path(get, operation_id = "get_payment", path = "/billing/v1/payments/{payment_id}", tag = "payments",
    params(("payment_id" = String, Path, description = "`pay_…`.",
        example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The payment.", body = PaymentDetail)),
    security(("bearer" = [])))]
async fn get_one(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<PaymentDetail>> {
    let (payment, operations) = state.engine.payment(&viewer(&identity), &id).await?;
    let operations = operations
        .into_iter()
        .map(|o| OperationView::new(o, &payment))
        .collect();
    Ok(Json(PaymentDetail {
        payment: payment.into(),
        operations,
    }))
}

/// Capture all or a part of an authorized payment.
///
/// Issues an invoice. Several partial captures may follow each other until the
/// authorization is used up.
#[utoipa::path(post, operation_id = "capture_payment", path = "/billing/v1/payments/{payment_id}/captures", tag = "payments",
    params(IdempotencyKey, ("payment_id" = String, Path, description = "`pay_…`.",
        example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    request_body = CaptureBody,
    responses(
        (status = 201, description = "Captured.", body = MovementView),
        (status = 202, description = "The provider's answer is awaited.", body = MovementView)),
    extensions(("x-error-codes" = json!([
        "billing.not_capturable", "billing.exceeds_capturable", "billing.operation_pending",
        "billing.cancelling", "billing.provider_refused", "money.currency_mismatch",
        "money.unknown_currency", "money.not_positive", "money.wrong_minor_digits",
        "money.overflow", "money.malformed", "billing.amount_too_large"]))),
    security(("bearer" = [])))]
async fn capture(
    Shared(state): Shared<State>,
    identity: Identity,
    key: IdempotencyKey,
    Path(id): Path<String>,
    Json(body): Json<CaptureBody>,
) -> Result<(StatusCode, Json<MovementView>)> {
    may_move_money(&identity)?;
    let amount = amount(body.amount)?;
    state
        .engine
        .capture(caller(&identity, &key), &id, amount)
        .await
        .map(movement)
}

/// Release all that is authorized and not captured.
///
/// Voiding a payment that is already voided succeeds.
#[utoipa::path(post, operation_id = "void_payment", path = "/billing/v1/payments/{payment_id}/void", tag = "payments",
    params(IdempotencyKey, ("payment_id" = String, Path, description = "`pay_…`.",
        example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses(
        (status = 201, description = "Released.", body = MovementView),
        (status = 202, description = "The provider's answer is awaited.", body = MovementView)),
    extensions(("x-error-codes" = json!([
        "billing.not_voidable", "billing.operation_pending", "billing.provider_refused"]))),
    security(("bearer" = [])))]
async fn void(
    Shared(state): Shared<State>,
    identity: Identity,
    key: IdempotencyKey,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<MovementView>)> {
    may_move_money(&identity)?;
    state
        .engine
        .void(caller(&identity, &key), &id)
        .await
        .map(movement)
}

/// Give back all or a part of what was captured.
///
/// Issues a credit note. Several partial refunds may follow each other; together
/// they never exceed what was captured.
#[utoipa::path(post, operation_id = "refund_payment", path = "/billing/v1/payments/{payment_id}/refunds", tag = "payments",
    params(IdempotencyKey, ("payment_id" = String, Path, description = "`pay_…`.",
        example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    request_body = RefundBody,
    responses(
        (status = 201, description = "Refunded.", body = MovementView),
        (status = 202, description = "The provider's answer is awaited.", body = MovementView)),
    extensions(("x-error-codes" = json!([
        "billing.not_refundable", "billing.exceeds_refundable", "billing.operation_pending",
        "billing.provider_refused", "money.currency_mismatch", "money.unknown_currency",
        "money.not_positive", "money.wrong_minor_digits", "money.overflow", "money.malformed",
        "billing.amount_too_large"]))),
    security(("bearer" = [])))]
async fn refund(
    Shared(state): Shared<State>,
    identity: Identity,
    key: IdempotencyKey,
    Path(id): Path<String>,
    Json(body): Json<RefundBody>,
) -> Result<(StatusCode, Json<MovementView>)> {
    may_move_money(&identity)?;
    let (caller, amount) = (caller(&identity, &key), amount(body.amount)?);
    state
        .engine
        .refund(caller, &id, amount, &body.reason)
        .await
        .map(movement)
}

fn amount(input: Option<MoneyInput>) -> Result<Option<Money>> {
    input
        .map(|input| input.parse_positive("/amount"))
        .transpose()
}

fn movement(outcome: Outcome) -> (StatusCode, Json<MovementView>) {
    let (status, payment, document_id) = match outcome {
        Outcome::Done(done) => (StatusCode::CREATED, done.payment, done.document_id),
        Outcome::Pending(pending) => (StatusCode::ACCEPTED, pending.payment, None),
    };
    (
        status,
        Json(MovementView {
            payment: payment.into(),
            document_id,
        }),
    )
}
