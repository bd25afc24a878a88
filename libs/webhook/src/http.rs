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
use utoipa::{IntoParams, ToSchema};

use crate::delivery::{Delivery, DeliveryDetail, DeliveryState};
use crate::endpoint::{Endpoint, EndpointPatch, EndpointWithSecret, NewEndpoint};
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

/// Register an endpoint.
///
/// The answer holds the secret with which its deliveries are signed. It is not
/// shown again.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks",
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
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", params(PageRequest),
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
#[utoipa::path(get, path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.")),
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
#[utoipa::path(patch, path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.")),
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
#[utoipa::path(delete, path = "/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.")),
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
#[utoipa::path(post, path = "/webhooks/{endpoint_id}/rotate-secret", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.")),
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
#[utoipa::path(post, path = "/webhooks/{endpoint_id}/redrive", tag = "webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.")),
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
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Deliveries to your endpoints, newest first.
#[utoipa::path(get, path = "/webhook-deliveries", tag = "webhooks", params(DeliveryQuery),
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
#[utoipa::path(get, path = "/webhook-deliveries/{delivery_id}", tag = "webhooks",
    params(("delivery_id" = String, Path, description = "`whd_…`.")),
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
#[utoipa::path(post, path = "/webhook-deliveries/{delivery_id}/redrive", tag = "webhooks",
    params(("delivery_id" = String, Path, description = "`whd_…`.")),
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
