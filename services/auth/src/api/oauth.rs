//! Tokens for programs, and questions about tokens.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::{Error, ProblemDetails};
use shoal_service::{OpenApiRouter, OptionalIdentity, routes};
use utoipa::ToSchema;

use super::oauth_form::{OauthError, OauthErrorView, OauthForm};
use super::views::{Secret, no_store};
use crate::app::App;
use crate::app::oauth::{ActiveToken, TokenKind};
use crate::codes::AuthCode;
use crate::domain::role::{ADMIN, INTROSPECT};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(token))
        .routes(routes!(introspect))
        .routes(routes!(revoke))
}

/// Parameters of the token endpoint.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form; OauthForm reads it")]
pub(super) struct TokenForm {
    /// `client_credentials`.
    #[schema(min_length = 1, example = "client_credentials")]
    grant_type: String,
    /// Roles wanted, separated by spaces; all that the account has if left out.
    #[schema(nullable = false, example = "introspect")]
    scope: Option<String>,
    /// Unless the client uses Basic authentication.
    #[schema(nullable = false, example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    client_id: Option<String>,
    /// Unless the client uses Basic authentication.
    #[schema(
        nullable = false,
        example = "scs_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL"
    )]
    client_secret: Option<String>,
}

/// A token of a service account.
#[derive(Serialize, ToSchema)]
pub(super) struct OauthToken {
    /// JWT, to be sent as `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6ImtleV8uLi4ifQ.eyJ….c2ln")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life time, in seconds.
    #[schema(example = 900)]
    expires_in: u32,
    /// Roles of the token, separated by spaces.
    #[schema(example = "introspect")]
    scope: String,
}

/// Get a token for a service account (RFC 6749, 4.4).
///
/// The client proves itself with Basic authentication or in the form.
#[utoipa::path(post, operation_id = "get_oauth_token", path = "/auth/v1/oauth/token", tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A token.", body = OauthToken),
        (status = 400, description = "An OAuth error.", body = OauthErrorView),
        (status = 401, description = "Unknown client or wrong secret.", body = OauthErrorView)),
    extensions(("x-error-codes" = json!(["auth.oauth_invalid_request", "auth.oauth_invalid_client",
        "auth.oauth_unsupported_grant_type", "auth.oauth_invalid_scope"]))))]
async fn token(State(app): State<App>, form: OauthForm) -> Result<Secret<OauthToken>, OauthError> {
    if form.require("grant_type")? != "client_credentials" {
        let message = "Only the grant type client_credentials is offered here.";
        return Err(Error::new(AuthCode::OauthUnsupportedGrant, message).into());
    }
    let client = form.require_client()?;
    let account = app.authenticate_client(&client.id, &client.secret).await?;
    let (access, roles) = app.client_credentials(&account, form.get("scope"))?;
    Ok(Secret(OauthToken {
        access_token: access.token,
        token_type: "Bearer",
        expires_in: access.expires_in_s,
        scope: roles.join(" "),
    }))
}

/// A token that is asked about, or to be revoked.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form; OauthForm reads it")]
pub(super) struct AboutToken {
    /// Access or refresh token.
    #[schema(
        min_length = 1,
        example = "srt_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL"
    )]
    token: String,
    /// `access_token` or `refresh_token`; not needed, the token tells itself.
    #[schema(nullable = false, example = "refresh_token")]
    token_type_hint: Option<String>,
    /// Unless the client uses another authentication.
    #[schema(nullable = false, example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    client_id: Option<String>,
    /// Unless the client uses another authentication.
    #[schema(
        nullable = false,
        example = "scs_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL"
    )]
    client_secret: Option<String>,
}

/// What a token is. Only `active` is there when it is false.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Introspection {
    /// Whether the token is good now.
    active: bool,
    /// User or service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    sub: Option<String>,
    /// `Bearer`, or `refresh_token` for one of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Bearer")]
    token_type: Option<&'static str>,
    /// Roles, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "admin")]
    scope: Option<String>,
    /// Service account that the token was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "svc_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    client_id: Option<String>,
    /// Session of a user's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ses_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    sid: Option<String>,
    /// Id of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "tok_01jd8x4q6zj9t0c8m3a5v7k2ye")]
    jti: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_764_000_900)]
    exp: Option<i64>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_764_000_000)]
    iat: Option<i64>,
    /// Issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "http://127.0.0.1:8080")]
    iss: Option<String>,
    /// Audience of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "shoal")]
    aud: Option<String>,
}

impl Introspection {
    fn new(app: &App, token: ActiveToken) -> Self {
        let is_access = token.kind == TokenKind::Access;
        Self {
            active: true,
            sub: Some(token.subject),
            token_type: Some(if is_access { "Bearer" } else { "refresh_token" }),
            scope: Some(token.roles.join(" ")),
            client_id: token.client_id,
            sid: token.session_id,
            jti: token.token_id,
            exp: Some(token.expires_at_s),
            iat: Some(token.issued_at_s),
            iss: Some(app.issuer.clone()),
            aud: is_access.then(|| app.audience.clone()),
        }
    }
}

/// Ask whether a token is good now (RFC 7662).
///
/// For service accounts with the role `introspect` (or `admin`), by their client
/// credentials or an access token. Knows what a check of the signature can't:
/// ended sessions, suspended users, revoked tokens.
#[utoipa::path(post, operation_id = "introspect_token", path = "/auth/v1/oauth/introspect", tag = "oauth",
    request_body(content = AboutToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What the token is.", body = Introspection),
        (status = 400, description = "An OAuth error.", body = OauthErrorView),
        (status = 401, description = "Unknown client or wrong secret; a token that is good no more.",
            content((OauthErrorView = "application/json"), (ProblemDetails = "application/problem+json")))),
    extensions(("x-error-codes" = json!(["auth.oauth_invalid_request", "auth.oauth_invalid_client",
        "auth.session_ended"]))),
    security(("bearer" = [])))]
async fn introspect(
    State(app): State<App>,
    OptionalIdentity(identity): OptionalIdentity,
    form: OauthForm,
) -> Result<Secret<Introspection>, OauthError> {
    match identity {
        Some(identity) => {
            identity.require_any_role(&[INTROSPECT, ADMIN])?;
            match identity.session_id() {
                Some(session_id) => app.require_live_session(session_id).await?,
                None => app.require_live_account(identity.user_id()).await?,
            }
        }
        None => {
            let client = form.require_client()?;
            let account = app.authenticate_client(&client.id, &client.secret).await?;
            app.may_introspect(&account)?;
        }
    }
    let found = app.introspect(form.require("token")?).await?;
    Ok(Secret(found.map_or_else(Introspection::default, |token| {
        Introspection::new(&app, token)
    })))
}

/// Revoke a token (RFC 7009).
///
/// A user's access or refresh token ends its session; whoever holds the token
/// may do so. A service account's token needs the account's credentials and
/// fails introspection from then on. Unknown tokens are answered 200 too.
#[utoipa::path(post, operation_id = "revoke_token", path = "/auth/v1/oauth/revoke", tag = "oauth",
    request_body(content = AboutToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is not active any more."),
        (status = 400, description = "An OAuth error.", body = OauthErrorView),
        (status = 401, description = "Unknown client, wrong secret, or another client's token.", body = OauthErrorView)),
    extensions(("x-error-codes" = json!(["auth.oauth_invalid_request", "auth.oauth_invalid_client"]))))]
async fn revoke(State(app): State<App>, form: OauthForm) -> Result<Response, OauthError> {
    let account = match &form.client {
        Some(client) => Some(app.authenticate_client(&client.id, &client.secret).await?),
        None => None,
    };
    app.revoke_token(form.require("token")?, account.as_ref())
        .await?;
    Ok(no_store(StatusCode::OK.into_response()))
}
