//! Answers that several operations share.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue};
use serde::Serialize;
use shoal_error::Result;
use shoal_service::Json;
use utoipa::ToSchema;

use crate::app::sessions::LoggedIn;
use crate::domain::user::User;

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct UserView {
    /// `usr_` and a ULID.
    #[schema(example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    id: String,
    /// Normalised e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// Whether the address was proved.
    email_verified: bool,
    /// Name to address the person by; may be empty.
    #[schema(example = "Ada")]
    display_name: String,
    /// `active` or `suspended`.
    #[schema(example = "active")]
    status: &'static str,
    /// Role names, sorted.
    #[schema(example = json!(["admin"]))]
    roles: Vec<String>,
    /// Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    created_at_ms: i64,
    /// Unix milliseconds.
    #[schema(example = 1_764_000_000_000_i64)]
    updated_at_ms: i64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at_ms.is_some(),
            display_name: user.display_name,
            status: user.status.as_str(),
            roles: user.roles,
            created_at_ms: user.created_at_ms,
            updated_at_ms: user.updated_at_ms,
        }
    }
}

/// Tokens of a session.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// JWT, to be sent as `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6ImtleV8uLi4ifQ.eyJ….c2ln")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life time of the access token, in seconds.
    #[schema(example = 900)]
    expires_in: u32,
    /// Good once, at `POST /auth/v1/refresh`.
    #[schema(example = "srt_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL")]
    refresh_token: String,
    /// Life time of the refresh token, in seconds.
    #[schema(example = 2_592_000)]
    refresh_expires_in: i64,
    /// Session that the tokens belong to.
    #[schema(example = "ses_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    session_id: String,
    /// Whose session it is.
    user: UserView,
}

impl From<LoggedIn> for TokensView {
    fn from(session: LoggedIn) -> Self {
        Self {
            access_token: session.access.token,
            token_type: "Bearer",
            expires_in: session.access.expires_in_s,
            refresh_token: session.refresh.expose().to_owned(),
            refresh_expires_in: session.refresh_expires_in_s,
            session_id: session.session_id,
            user: session.user.into(),
        }
    }
}

/// An answer with secrets: no cache may keep it.
pub(crate) struct Secret<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Secret<T> {
    fn into_response(self) -> Response {
        no_store(Json(self.0).into_response())
    }
}

/// Forbids caches to keep the answer.
pub(crate) fn no_store(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What handlers with secrets return.
pub(crate) type SecretResult<T> = Result<Secret<T>>;
