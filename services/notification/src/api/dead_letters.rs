//! Dead letters besides deliveries: events that could not be consumed, and
//! webhook deliveries of all owners. For admins.

use axum::extract::State;
use axum::http::StatusCode;
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::dead_letters::DeadLetter;
use shoal_store::page::Page;
use shoal_webhook::{Delivery, DeliveryFilter, DeliveryState};

use super::require_admin;
use crate::app::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_events))
        .routes(routes!(redrive_event))
        .routes(routes!(discard_event))
        .routes(routes!(list_webhooks))
        .routes(routes!(redrive_webhook))
}

/// Events that could not be consumed, oldest first. Needs the role `admin`.
///
/// An envelope's `data` is left out: it may hold addresses and tokens.
#[utoipa::path(get, operation_id = "list_dead_events", path = "/dead-letters/events", tag = "dead letters", params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<DeadLetter>,
        // An envelope may be any JSON, so that its field cannot have an example.
        example = json!({"items": [{
            "id": "dlq_01k9zt3m5cq0s6v8x2b4d7f9ha", "group": "notification",
            "event_id": "evt_01k9zt3m5cq0s6v8x2b4d7f9ha", "kind": "order.confirmed.v1",
            "subject": "ord_01k9zt3m5cq0s6v8x2b4d7f9ha", "envelope": {"type": "order.confirmed.v1"},
            "reason": "the database is away", "attempts": 8, "state": "parked",
            "parked_at": 1_764_000_000_000_i64,
        }], "next_cursor": null}))),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list_events(
    State(app): State<App>,
    identity: Identity,
    PageRequest(request): PageRequest,
) -> Result<Json<Page<DeadLetter>>> {
    require_admin(&identity)?;
    Ok(Json(app.dead_events(&request).await?))
}

/// Try an event again. Needs the role `admin`.
#[utoipa::path(post, operation_id = "redrive_dead_event", path = "/dead-letters/events/{letter_id}/redrive", tag = "dead letters",
    params(("letter_id" = String, Path, description = "`dlq_…`.",
        example = "dlq_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 202, description = "Queued.")),
    extensions(("x-error-codes" = json!(["common.not_found"]))),
    security(("bearer" = [])))]
async fn redrive_event(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    require_admin(&identity)?;
    app.redrive_event(&id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Give an event up for good. Needs the role `admin`.
#[utoipa::path(delete, operation_id = "discard_dead_event", path = "/dead-letters/events/{letter_id}", tag = "dead letters",
    params(("letter_id" = String, Path, description = "`dlq_…`.",
        example = "dlq_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 204, description = "Given up.")),
    extensions(("x-error-codes" = json!(["common.not_found"]))),
    security(("bearer" = [])))]
async fn discard_event(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    require_admin(&identity)?;
    app.discard_event(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Dead webhook deliveries of all owners, newest first. Needs the role `admin`.
#[utoipa::path(get, operation_id = "list_dead_webhook_deliveries", path = "/dead-letters/webhooks", tag = "dead letters", params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<Delivery>)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list_webhooks(
    State(app): State<App>,
    identity: Identity,
    PageRequest(request): PageRequest,
) -> Result<Json<Page<Delivery>>> {
    require_admin(&identity)?;
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    };
    Ok(Json(app.webhooks().deliveries(&filter, &request).await?))
}

/// Queue a dead webhook delivery of any owner again. Needs the role `admin`.
#[utoipa::path(post, operation_id = "redrive_dead_webhook_delivery", path = "/dead-letters/webhooks/{delivery_id}/redrive", tag = "dead letters",
    params(("delivery_id" = String, Path, description = "`whd_…`.",
        example = "whd_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 202, description = "Queued.", body = Delivery)),
    extensions(("x-error-codes" = json!(["webhook.delivery_not_found",
        "webhook.delivery_not_dead", "webhook.endpoint_disabled"]))),
    security(("bearer" = [])))]
async fn redrive_webhook(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Delivery>)> {
    require_admin(&identity)?;
    let delivery = app.webhooks().redrive(None, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}
