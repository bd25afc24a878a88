//! `/billing/v1/references`.

use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, Path, routes};
use utoipa::ToSchema;

use super::may_move_money;
use super::views::PaymentView;
use crate::module::State;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(cancel))
}

/// Why everything is to be undone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    /// For credit notes; at most 200 characters.
    #[serde(default)]
    #[schema(
        example = "Order cancelled",
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    reason: String,
}

/// What became of the payments.
#[derive(Debug, Serialize, ToSchema)]
struct CancelView {
    /// All payments under the reference, newest first.
    payments: Vec<PaymentView>,
    /// False while the provider's answer is awaited; the rest happens by itself.
    settled: bool,
}

/// Undo all that was paid under a reference.
///
/// Voids what is authorized, refunds what is captured and refuses what comes
/// later. Needs no key: doing it again changes nothing.
#[utoipa::path(post, operation_id = "cancel_reference", path = "/billing/v1/references/{reference}/cancel", tag = "payments",
    params(("reference" = String, Path, description = "The reference given to the payments.",
        pattern = "^[!-~]{1,128}$", example = "ord_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    request_body = CancelBody,
    responses((status = 200, description = "Recorded, and undone as far as the provider answered.",
        body = CancelView)),
    security(("bearer" = [])))]
async fn cancel(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(reference): Path<String>,
    Json(body): Json<CancelBody>,
) -> Result<Json<CancelView>> {
    may_move_money(&identity)?;
    let cancelled = state
        .engine
        .cancel_by_reference(&reference, &body.reason)
        .await?;
    let payments = cancelled
        .payments
        .into_iter()
        .map(PaymentView::from)
        .collect();
    Ok(Json(CancelView {
        payments,
        settled: cancelled.settled,
    }))
}
