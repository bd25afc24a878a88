//! `/billing/v1/platform-webhooks`: endpoints that hear of everybody's
//! payments, managed by administrators. Customers manage their own under
//! `/billing/v1/webhooks`.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::Page;
use shoal_webhook::{Endpoint, EndpointPatch, EndpointWithSecret, NewEndpoint};

use super::ADMIN;
use crate::events::PLATFORM_OWNER;
use crate::module::State;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get_one, update, remove))
        .routes(routes!(rotate_secret))
}

/// Register an endpoint for everybody's payments.
#[utoipa::path(post, operation_id = "create_platform_webhook", path = "/billing/v1/platform-webhooks", tag = "platform webhooks",
    request_body = NewEndpoint,
    responses((status = 201, description = "Registered; the secret is shown once.",
        body = EndpointWithSecret)),
    extensions(("x-error-codes" = json!(["webhook.url_taken", "webhook.too_many_endpoints"]))),
    security(("bearer" = [])))]
async fn create(
    Shared(state): Shared<State>,
    identity: Identity,
    Json(body): Json<NewEndpoint>,
) -> Result<(StatusCode, Json<EndpointWithSecret>)> {
    identity.require_role(ADMIN)?;
    let created = state.webhooks.create(PLATFORM_OWNER, body).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// The platform's endpoints, oldest first.
#[utoipa::path(get, operation_id = "list_platform_webhooks", path = "/billing/v1/platform-webhooks", tag = "platform webhooks",
    params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<Endpoint>)),
    security(("bearer" = [])))]
async fn list(
    Shared(state): Shared<State>,
    identity: Identity,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<Endpoint>>> {
    identity.require_role(ADMIN)?;
    Ok(Json(state.webhooks.list(PLATFORM_OWNER, &page).await?))
}

/// One of the platform's endpoints.
#[utoipa::path(get, operation_id = "get_platform_webhook", path = "/billing/v1/platform-webhooks/{endpoint_id}", tag = "platform webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The endpoint.", body = Endpoint)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn get_one(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<Endpoint>> {
    identity.require_role(ADMIN)?;
    Ok(Json(state.webhooks.get(PLATFORM_OWNER, &id).await?))
}

/// Change one of the platform's endpoints, or switch it on or off.
#[utoipa::path(patch, operation_id = "update_platform_webhook", path = "/billing/v1/platform-webhooks/{endpoint_id}", tag = "platform webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    request_body = EndpointPatch,
    responses((status = 200, description = "The endpoint as it is now.", body = Endpoint)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found", "webhook.url_taken"]))),
    security(("bearer" = [])))]
async fn update(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<EndpointPatch>,
) -> Result<Json<Endpoint>> {
    identity.require_role(ADMIN)?;
    Ok(Json(
        state.webhooks.update(PLATFORM_OWNER, &id, body).await?,
    ))
}

/// Remove one of the platform's endpoints and the record of its deliveries.
#[utoipa::path(delete, operation_id = "remove_platform_webhook", path = "/billing/v1/platform-webhooks/{endpoint_id}", tag = "platform webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 204, description = "Removed.")),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn remove(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    identity.require_role(ADMIN)?;
    state.webhooks.delete(PLATFORM_OWNER, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the secret of one of the platform's endpoints.
#[utoipa::path(post, operation_id = "rotate_platform_webhook_secret", path = "/billing/v1/platform-webhooks/{endpoint_id}/rotate-secret",
    tag = "platform webhooks",
    params(("endpoint_id" = String, Path, description = "`whe_…`.",
        example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The new secret.", body = EndpointWithSecret)),
    extensions(("x-error-codes" = json!(["webhook.endpoint_not_found"]))),
    security(("bearer" = [])))]
async fn rotate_secret(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<EndpointWithSecret>> {
    identity.require_role(ADMIN)?;
    Ok(Json(
        state.webhooks.rotate_secret(PLATFORM_OWNER, &id).await?,
    ))
}
