//! HTTP routes by which owners manage their webhooks. A service nests them
//! under its own prefix: `OpenApiRouter::new().nest("/billing/v1", router())`;
//! its state hands out [`Webhooks`] through `FromRef`. An owner is the
//! authenticated user; nobody sees another's endpoints.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, Query, routes};
use shoal_store::page::{self, Page};
use utoipa::openapi::OpenApi;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use crate::delivery::{Delivery, DeliveryDetail, DeliveryState};
use crate::endpoint::{
    ALL_EVENTS, Endpoint, EndpointPatch, EndpointWithSecret, EventType, NewEndpoint,
};
use crate::webhooks::{DeliveryFilter, Webhooks};

/// The routes, relative to the service's prefix.
pub fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Webhooks: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get_one, update, remove))
        .routes(routes!(rotate_secret))
        .routes(routes!(redrive_all))
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(redrive))
}

/// Name and description of the tag that these operations have.
pub const TAG: (&str, &str) = (
    "webhooks",
    "Endpoints of one's own that are called, and what was sent there.",
);

/// Writes into a service's document which event types can be subscribed to:
/// `known`, or `*` for all of them.
pub fn describe_events(document: &mut OpenApi, known: &[&str]) {
    let schemas = document.components.as_mut().map(|c| &mut c.schemas);
    let names = std::iter::once(ALL_EVENTS).chain(known.iter().copied());
    let event_type = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Type of event; `*` means all."))
        .enum_values(Some(names.collect::<Vec<_>>()))
        .build();
    if let Some(schemas) = schemas {
        schemas.insert(EventType::name().into_owned(), event_type.into());
    }
}

/// Register an endpoint.
///
/// The answer holds the secret with which its deliveries are signed. It is not
/// shown again.
#[utoipa::path(post, operation_id = "create_webhook", path = "/webhooks", tag = "webhooks",
    responses((status = 201, description = "Registered.", body = EndpointWithSecret)),
    extensions(("x-error-codes" = json!(["webhook.url_taken", "webhook.too_many_endpoints"]))),
    security(("bearer" = [])))]
async fn create(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Json(body): Json<NewEndpoint>,
) -> Result<(StatusCode, Json<EndpointWithSecret>)> {
    let created = webhooks.create(identity.user_id(), body).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Your endpoints, oldest first.
#[utoipa::path(get, operation_id = "list_webhooks", path = "/webhooks", tag = "webhooks", params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<Endpoint>)),
    security(("bearer" = [])))]
async fn list(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<Endpoint>>> {
    Ok(Json(webhooks.list(identity.user_id(), &page).await?))
}

/// One of your endpoints.
#[utoipa::path(get, operation_id = "get_webhook", path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The endpoint.", body = Endpoint)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn get_one(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<Endpoint>> {
    Ok(Json(webhooks.get(identity.user_id(), &id).await?))
}

/// Change an endpoint, or switch it on or off.
#[utoipa::path(patch, operation_id = "update_webhook", path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The endpoint as it is now.", body = Endpoint)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found", "webhook.url_taken"]))),
    security(("bearer" = [])))]
async fn update(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<EndpointPatch>,
) -> Result<Json<Endpoint>> {
    Ok(Json(webhooks.update(identity.user_id(), &id, body).await?))
}

/// Remove an endpoint and the record of its deliveries.
#[utoipa::path(delete, operation_id = "remove_webhook", path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 204, description = "Removed.")),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn remove(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    webhooks.delete(identity.user_id(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace an endpoint's secret.
///
/// The answer shows the new one. The old one signs beside it until
/// `previous_secret_expires_at_ms`, so that the receiver can change over.
#[utoipa::path(post, operation_id = "rotate_webhook_secret", path = "/webhooks/{endpoint_id}/rotate-secret", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The new secret.", body = EndpointWithSecret)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn rotate_secret(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<EndpointWithSecret>> {
    Ok(Json(webhooks.rotate_secret(identity.user_id(), &id).await?))
}

/// How many deliveries were put back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Redriven {
    /// Deliveries that are queued again.
    #[schema(example = 3)]
    pub redriven: u64,
}

/// Queue every dead delivery of an endpoint again.
#[utoipa::path(post, operation_id = "redrive_webhook", path = "/webhooks/{endpoint_id}/redrive", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 202, description = "Queued.", body = Redriven)),
    extensions(("x-error-codes" =
        json!(["webhook.endpoint_not_found", "webhook.endpoint_disabled"]))),
    security(("bearer" = [])))]
async fn redrive_all(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Redriven>)> {
    let redriven = webhooks.redrive_all(identity.user_id(), &id).await?;
    Ok((StatusCode::ACCEPTED, Json(Redriven { redriven })))
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only those to this endpoint.
    endpoint_id: Option<String>,
    /// Only those in this state.
    state: Option<DeliveryState>,
    /// 1–100, 20 unless said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// Deliveries to your endpoints, newest first.
#[utoipa::path(get, operation_id = "list_webhook_deliveries", path = "/webhook-deliveries", tag = "webhooks", params(DeliveryQuery),
    responses((status = 200, description = "A page.", body = Page<Delivery>)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list_deliveries(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>> {
    let page = page::PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    let filter = DeliveryFilter {
        owner: Some(identity.user_id().to_owned()),
        endpoint_id: query.endpoint_id,
        state: query.state,
    };
    Ok(Json(webhooks.deliveries(&filter, &page).await?))
}

/// One delivery with its attempts.
#[utoipa::path(get, operation_id = "get_webhook_delivery", path = "/webhook-deliveries/{delivery_id}", tag = "webhooks",
    params(("delivery_id" = String, Path, description = "`whd_…`.",
        example = "whd_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetail)),
    extensions(("x-error-codes" = json!(["webhook.delivery_not_found"]))),
    security(("bearer" = [])))]
async fn get_delivery(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetail>> {
    Ok(Json(
        webhooks.delivery(Some(identity.user_id()), &id).await?,
    ))
}

/// Queue a dead delivery again.
#[utoipa::path(post, operation_id = "redrive_webhook_delivery", path = "/webhook-deliveries/{delivery_id}/redrive", tag = "webhooks",
    params(("delivery_id" = String, Path, description = "`whd_…`.",
        example = "whd_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 202, description = "Queued.", body = Delivery)),
    extensions(("x-error-codes" = json!(["webhook.delivery_not_found",
        "webhook.delivery_not_dead", "webhook.endpoint_disabled"]))),
    security(("bearer" = [])))]
async fn redrive(
    State(webhooks): State<Webhooks>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Delivery>)> {
    let delivery = webhooks.redrive(Some(identity.user_id()), &id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}
