//! Service accounts, for administrators.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::{Error, Result, Violations};
use shoal_service::{Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::Page;
use utoipa::ToSchema;

use super::caller::Admin;
use super::views::{Secret, SecretResult};
use crate::app::App;
use crate::domain::opaque;
use crate::domain::role::Role;
use crate::domain::service_account::check_name;
use crate::store::service_accounts::ServiceAccount;

/// Most roles of one account.
const MAX_ROLES: usize = 32;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(rotate_secret))
        .routes(routes!(disable))
}

/// 2–32 of a-z, 0-9, `_` and `-`, a letter first.
#[derive(ToSchema)]
#[schema(example = "introspect", pattern = "^[a-z][a-z0-9_-]{1,31}$")]
#[expect(dead_code, reason = "describes the text; Role reads it")]
struct RoleName(String);

/// A service account to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateServiceAccount {
    /// 3–64 of a-z, 0-9, `.`, `_` and `-`, a letter first; in use once.
    #[schema(example = "warehouse-sync", pattern = "^[a-z][a-z0-9._-]{2,63}$")]
    name: String,
    /// Roles of its tokens.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 32, example = json!(["introspect"]))]
    roles: Vec<String>,
}

/// A service account.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceAccountView {
    /// `svc_` and a ULID: the `client_id`.
    #[schema(example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    client_id: String,
    /// Name.
    #[schema(example = "warehouse-sync")]
    name: String,
    /// Roles of its tokens, sorted.
    #[schema(example = json!(["introspect"]))]
    roles: Vec<String>,
    /// Who made it.
    #[schema(example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    created_by: String,
    /// Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    created_at_ms: i64,
    /// Unix milliseconds; `null` while it is live.
    #[schema(required, example = json!(null))]
    disabled_at_ms: Option<i64>,
}

/// A service account with its secret, which is told once.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceAccountSecret {
    /// The account.
    #[serde(flatten)]
    account: ServiceAccountView,
    /// Keep it: only a hash is stored.
    #[schema(example = "scs_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL")]
    client_secret: String,
}

impl From<ServiceAccount> for ServiceAccountView {
    fn from(account: ServiceAccount) -> Self {
        Self {
            client_id: account.id,
            name: account.name,
            roles: account.roles,
            created_by: account.created_by,
            created_at_ms: account.created_at_ms,
            disabled_at_ms: account.disabled_at_ms,
        }
    }
}

impl ServiceAccountSecret {
    fn new((account, secret): (ServiceAccount, opaque::Secret)) -> Self {
        Self {
            account: account.into(),
            client_secret: secret.expose().to_owned(),
        }
    }
}

/// Make a service account. For administrators.
///
/// The answer has its secret, which is not told again.
#[utoipa::path(post, operation_id = "create_service_account", path = "/auth/v1/service-accounts", tag = "service accounts",
    request_body = CreateServiceAccount,
    responses((status = 201, description = "Made.", body = ServiceAccountSecret)),
    extensions(("x-error-codes" = json!(["auth.service_account_exists", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn create(
    State(app): State<App>,
    admin: Admin,
    Json(body): Json<CreateServiceAccount>,
) -> Result<Response> {
    let (name, roles) = parse(&body)?;
    let made = app.create_service_account(name, &roles, &admin.id).await?;
    let mut response = Secret(ServiceAccountSecret::new(made)).into_response();
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn parse(body: &CreateServiceAccount) -> Result<(String, Vec<Role>)> {
    let mut violations = Violations::new();
    let name = violations.check("/name", check_name(&body.name));
    violations.require(
        "/roles",
        body.roles.len() <= MAX_ROLES,
        "must have at most 32 items",
    );
    let roles = body.roles.iter().take(MAX_ROLES).enumerate();
    let roles: Vec<Role> = roles
        .filter_map(|(at, role)| violations.check(format!("/roles/{at}"), Role::parse(role)))
        .collect();
    violations.finish()?;
    Ok((
        name.ok_or_else(|| Error::internal("a violation was not reported"))?,
        roles,
    ))
}

/// All service accounts, oldest first. For administrators.
#[utoipa::path(get, operation_id = "list_service_accounts", path = "/auth/v1/service-accounts", tag = "service accounts",
    params(PageRequest),
    responses((status = 200, description = "A page of accounts.", body = Page<ServiceAccountView>)),
    extensions(("x-error-codes" = json!(["auth.session_ended"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    _: Admin,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<ServiceAccountView>>> {
    Ok(Json(
        app.service_accounts(&page)
            .await?
            .map(ServiceAccountView::from),
    ))
}

/// Give a service account another secret. For administrators.
///
/// The old secret works no more.
#[utoipa::path(post, operation_id = "rotate_service_account_secret", path = "/auth/v1/service-accounts/{client_id}/secret", tag = "service accounts",
    params(("client_id" = String, Path, description = "`client_id` of the account.",
        example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")),
    responses((status = 200, description = "The new secret.", body = ServiceAccountSecret)),
    extensions(("x-error-codes" = json!(["auth.service_account_not_found", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn rotate_secret(
    State(app): State<App>,
    _: Admin,
    Path(client_id): Path<String>,
) -> SecretResult<ServiceAccountSecret> {
    Ok(Secret(ServiceAccountSecret::new(
        app.rotate_client_secret(&client_id).await?,
    )))
}

/// Disable a service account for good. For administrators.
#[utoipa::path(delete, operation_id = "disable_service_account", path = "/auth/v1/service-accounts/{client_id}", tag = "service accounts",
    params(("client_id" = String, Path, description = "`client_id` of the account.",
        example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")),
    responses((status = 204, description = "Disabled.")),
    extensions(("x-error-codes" = json!(["auth.service_account_not_found", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn disable(
    State(app): State<App>,
    admin: Admin,
    Path(client_id): Path<String>,
) -> Result<StatusCode> {
    app.disable_service_account(&client_id, &admin.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
