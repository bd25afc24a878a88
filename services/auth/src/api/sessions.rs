//! Logging in, refreshing, logging out.

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::Page;
use shoal_telemetry::Redacted;
use utoipa::ToSchema;

use super::accounts::parse_email;
use super::caller::CurrentUser;
use super::secret_text::secret_text;
use super::views::{Secret, SecretResult, TokensView};
use crate::app::{App, Client};
use crate::domain::password::Password;
use crate::store::sessions::Session;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
        .routes(routes!(log_out_everywhere))
        .routes(routes!(list))
        .routes(routes!(end))
}

/// Address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogIn {
    /// Address of the account.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// Its password.
    #[schema(value_type = String, example = "correct horse battery staple")]
    #[serde(deserialize_with = "secret_text")]
    password: Redacted<String>,
}

/// Log in.
///
/// Unknown addresses and wrong passwords are the same to the answer and its
/// time. Failed attempts are counted per account and per address; too many are
/// answered 429 with `Retry-After`, for longer each time.
#[utoipa::path(post, path = "/auth/v1/login", tag = "sessions", request_body = LogIn,
    responses((status = 200, description = "Logged in.", body = TokensView)),
    extensions(("x-error-codes" = json!(["auth.invalid_credentials", "auth.too_many_attempts",
        "auth.account_suspended", "auth.email_not_verified"]))))]
async fn log_in(
    State(app): State<App>,
    client: Client,
    Json(body): Json<LogIn>,
) -> SecretResult<TokensView> {
    let email = parse_email(&body.email)?;
    let password = Password::typed(body.password.expose().clone());
    Ok(Secret(app.log_in(&email, password, &client).await?.into()))
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// The newest of its session.
    #[schema(value_type = String, example = "srt_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL")]
    #[serde(deserialize_with = "secret_text")]
    refresh_token: Redacted<String>,
}

/// Get new tokens.
///
/// A refresh token is good once. One that comes back later has been copied, so
/// it ends the session for everyone.
#[utoipa::path(post, path = "/auth/v1/refresh", tag = "sessions", request_body = Refresh,
    responses((status = 200, description = "New tokens.", body = TokensView)),
    extensions(("x-error-codes" = json!(["auth.refresh_token_invalid", "auth.refresh_token_expired",
        "auth.refresh_token_reused", "auth.refresh_token_just_used"]))))]
async fn refresh(State(app): State<App>, Json(body): Json<Refresh>) -> SecretResult<TokensView> {
    Ok(Secret(
        app.refresh(body.refresh_token.expose()).await?.into(),
    ))
}

/// Log out.
///
/// Ends the session of the access token that is sent. The token itself stays
/// good for those who don't ask auth, until it expires.
#[utoipa::path(post, path = "/auth/v1/logout", tag = "sessions",
    responses((status = 204, description = "Logged out.")),
    extensions(("x-error-codes" = json!(["auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn log_out(State(app): State<App>, caller: CurrentUser) -> Result<StatusCode> {
    app.log_out(&caller.user_id, &caller.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Ended {
    /// Sessions ended by this request.
    #[schema(example = 3)]
    ended: usize,
}

/// Log out everywhere.
#[utoipa::path(post, path = "/auth/v1/logout-all", tag = "sessions",
    responses((status = 200, description = "All sessions ended.", body = Ended)),
    extensions(("x-error-codes" = json!(["auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn log_out_everywhere(State(app): State<App>, caller: CurrentUser) -> Result<Json<Ended>> {
    Ok(Json(Ended {
        ended: app.log_out_everywhere(&caller.user_id).await?,
    }))
}

/// One of your sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionView {
    /// `ses_` and a ULID.
    #[schema(example = "ses_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// Program that logged in, as it called itself.
    #[schema(example = "curl/8.9.1")]
    user_agent: String,
    /// Address that it logged in from.
    #[schema(example = "198.51.100.7")]
    address: String,
    /// Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    created_at_ms: i64,
    /// Last log-in or refresh, Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    last_used_at_ms: i64,
    /// Unix milliseconds.
    #[schema(example = 1_771_776_000_000_i64)]
    expires_at_ms: i64,
}

impl SessionView {
    fn new(session: Session, current: &str) -> Self {
        Self {
            current: session.id == current,
            id: session.id,
            user_agent: session.user_agent,
            address: session.address,
            created_at_ms: session.created_at,
            last_used_at_ms: session.last_used_at,
            expires_at_ms: session.expires_at,
        }
    }
}

/// Your live sessions, oldest first.
#[utoipa::path(get, operation_id = "list_sessions", path = "/auth/v1/sessions", tag = "sessions", params(PageRequest),
    responses((status = 200, description = "A page of sessions.", body = Page<SessionView>)),
    extensions(("x-error-codes" = json!(["auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    caller: CurrentUser,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<SessionView>>> {
    let sessions = app.sessions(&caller.user_id, &page).await?;
    Ok(Json(sessions.map(|session| {
        SessionView::new(session, &caller.session_id)
    })))
}

/// End one of your sessions.
#[utoipa::path(delete, operation_id = "end_session", path = "/auth/v1/sessions/{session_id}", tag = "sessions",
    params(("session_id" = String, Path, description = "`id` of the session.",
        example = "ses_01jd8x4q6zj9t0c8m3a5v7k2ye")),
    responses((status = 204, description = "Ended.")),
    extensions(("x-error-codes" = json!(["auth.session_not_found", "auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn end(
    State(app): State<App>,
    caller: CurrentUser,
    Path(session_id): Path<String>,
) -> Result<StatusCode> {
    app.log_out(&caller.user_id, &session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
