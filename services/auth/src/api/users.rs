//! Users, for administrators.

use axum::extract::State;
use serde::Deserialize;
use shoal_error::{Error, Result};
use shoal_service::{Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::Page;
use utoipa::ToSchema;

use super::caller::Admin;
use super::views::UserView;
use crate::app::App;
use crate::domain::role::Role;
use crate::domain::user::Status;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(set_status))
        .routes(routes!(grant_role, revoke_role))
}

/// All users, oldest first. For administrators.
#[utoipa::path(get, operation_id = "list_users", path = "/auth/v1/users", tag = "users", params(PageRequest),
    responses((status = 200, description = "A page of users.", body = Page<UserView>)),
    extensions(("x-error-codes" = json!(["auth.session_ended"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    _: Admin,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<UserView>>> {
    Ok(Json(app.users(&page).await?.map(UserView::from)))
}

/// One user. For administrators.
#[utoipa::path(get, operation_id = "get_user", path = "/auth/v1/users/{user_id}", tag = "users",
    params(("user_id" = String, Path, description = "`id` of the user.",
            example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye")),
    responses((status = 200, description = "The user.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.user_not_found", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn get(
    State(app): State<App>,
    _: Admin,
    Path(user_id): Path<String>,
) -> Result<Json<UserView>> {
    Ok(Json(app.user(&user_id).await?.into()))
}

/// State that an account shall have.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WantedStatus {
    /// May log in.
    Active,
    /// May not log in; all sessions end.
    Suspended,
}

/// A change of state.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStatus {
    /// State that the account shall have.
    status: WantedStatus,
}

/// Suspend a user or let them in again. For administrators.
#[utoipa::path(put, operation_id = "set_user_status", path = "/auth/v1/users/{user_id}/status", tag = "users",
    params(("user_id" = String, Path, description = "`id` of the user.",
            example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye")),
    request_body = SetStatus,
    responses((status = 200, description = "The user as changed.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.user_not_found", "auth.last_admin", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn set_status(
    State(app): State<App>,
    admin: Admin,
    Path(user_id): Path<String>,
    Json(body): Json<SetStatus>,
) -> Result<Json<UserView>> {
    let status = match body.status {
        WantedStatus::Active => Status::Active,
        WantedStatus::Suspended => Status::Suspended,
    };
    Ok(Json(
        app.set_status(&user_id, status, &admin.id).await?.into(),
    ))
}

/// Give a user a role. For administrators.
///
/// It is in the tokens that the user gets from the next refresh or log-in on.
#[utoipa::path(put, path = "/auth/v1/users/{user_id}/roles/{role}", tag = "users",
    params(("user_id" = String, Path, description = "`id` of the user.",
            example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye"),
        ("role" = String, Path, description = "2–32 of a-z, 0-9, _ and -, a letter first.", pattern = "^[a-z][a-z0-9_-]{1,31}$", example = "admin")),
    responses((status = 200, description = "The user as changed.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.user_not_found", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn grant_role(
    State(app): State<App>,
    admin: Admin,
    Path((user_id, role)): Path<(String, String)>,
) -> Result<Json<UserView>> {
    let role = parse_role(&role)?;
    Ok(Json(
        app.grant_role(&user_id, &role, &admin.id).await?.into(),
    ))
}

/// Take a role from a user. For administrators.
///
/// Tokens that were signed with it keep it until they expire.
#[utoipa::path(delete, path = "/auth/v1/users/{user_id}/roles/{role}", tag = "users",
    params(("user_id" = String, Path, description = "`id` of the user.",
            example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye"),
        ("role" = String, Path, description = "Name of the role.", pattern = "^[a-z][a-z0-9_-]{1,31}$", example = "admin")),
    responses((status = 200, description = "The user as changed.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.user_not_found", "auth.last_admin", "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn revoke_role(
    State(app): State<App>,
    admin: Admin,
    Path((user_id, role)): Path<(String, String)>,
) -> Result<Json<UserView>> {
    let role = parse_role(&role)?;
    Ok(Json(
        app.revoke_role(&user_id, &role, &admin.id).await?.into(),
    ))
}

fn parse_role(text: &str) -> Result<Role> {
    Role::parse(text).map_err(|e| Error::invalid_field("role", e.to_string()))
}
