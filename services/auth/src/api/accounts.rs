//! Registering, verifying, one's own account.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use shoal_error::{Result, Violations};
use shoal_service::{Json, OpenApiRouter, routes};
use shoal_telemetry::Redacted;
use utoipa::ToSchema;

use super::caller::CurrentUser;
use super::secret_text::secret_text;
use super::views::UserView;
use crate::app::accounts::Registration;
use crate::app::{App, Client};
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::user::display_name;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(verify_email))
        .routes(routes!(resend_verification))
        .routes(routes!(me))
        .routes(routes!(change_password))
}

/// A wish for an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// E-mail address; upper and lower case make no difference.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// 8 to 128 characters, not one of the most common passwords.
    #[schema(value_type = String, min_length = 8, max_length = 128, example = "correct horse battery staple")]
    #[serde(deserialize_with = "secret_text")]
    password: Redacted<String>,
    /// Name to address you by.
    #[serde(default)]
    #[schema(
        max_length = 80,
        example = "Ada",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]*$"
    )]
    display_name: String,
}

/// Register.
///
/// Makes an account and sends a mail with a token that proves the address. You
/// may log in at once unless the settings ask for a proved address.
#[utoipa::path(post, path = "/auth/v1/register", tag = "accounts", request_body = Register,
    responses((status = 201, description = "Registered.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.email_taken", "auth.too_many_attempts"]))))]
async fn register(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<UserView>)> {
    let user = app.register(parse(&body)?, &client).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

fn parse(body: &Register) -> Result<Registration> {
    let mut violations = Violations::new();
    let password = Password::typed(body.password.expose().clone());
    let email = violations.check("/email", Email::parse(&body.email));
    violations.check("/password", password.check_new(email.as_ref()));
    let display_name = violations.check("/display_name", display_name(&body.display_name));
    violations.finish()?;
    let (Some(email), Some(display_name)) = (email, display_name) else {
        return Err(shoal_error::Error::internal("a violation was not reported"));
    };
    Ok(Registration {
        email,
        password,
        display_name,
    })
}

/// A token from a verification mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyEmail {
    /// As it stands in the mail.
    #[schema(value_type = String, example = "sev_pO0n1Qm7Zb9d5LxKqk2S8w4v3u6Y1tReWqAsDfGhJkL")]
    #[serde(deserialize_with = "secret_text")]
    token: Redacted<String>,
}

/// Prove the e-mail address.
///
/// The token works once.
#[utoipa::path(post, path = "/auth/v1/verify-email", tag = "accounts", request_body = VerifyEmail,
    responses((status = 200, description = "Proved.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.verification_token_invalid", "auth.verification_token_expired"]))))]
async fn verify_email(
    State(app): State<App>,
    Json(body): Json<VerifyEmail>,
) -> Result<Json<UserView>> {
    Ok(Json(app.verify_email(body.token.expose()).await?.into()))
}

/// An address that waits for its mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendVerification {
    /// Address of the account.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
}

/// Ask for another verification mail.
///
/// The answer is the same whether or not there is such an account, and whether
/// or not its address is proved. Earlier tokens work no more.
#[utoipa::path(post, path = "/auth/v1/verify-email/resend", tag = "accounts",
    request_body = ResendVerification,
    responses((status = 202, description = "A mail is on its way if the account needs one.")),
    extensions(("x-error-codes" = json!(["auth.too_many_attempts"]))))]
async fn resend_verification(
    State(app): State<App>,
    client: Client,
    Json(body): Json<ResendVerification>,
) -> Result<StatusCode> {
    app.request_verification(parse_email(&body.email)?, &client)
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// An e-mail address that is alone in its body.
pub(super) fn parse_email(text: &str) -> Result<Email> {
    Email::parse(text).map_err(|e| shoal_error::Error::invalid_field("/email", e.to_string()))
}

/// Your own account.
#[utoipa::path(get, operation_id = "get_me", path = "/auth/v1/me", tag = "accounts",
    responses((status = 200, description = "The caller.", body = UserView)),
    extensions(("x-error-codes" = json!(["auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn me(State(app): State<App>, caller: CurrentUser) -> Result<Json<UserView>> {
    Ok(Json(app.user(&caller.user_id).await?.into()))
}

/// A change of password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePassword {
    /// The password as it is.
    #[schema(value_type = String, example = "correct horse battery staple")]
    #[serde(deserialize_with = "secret_text")]
    current_password: Redacted<String>,
    /// 8 to 128 characters, not one of the most common passwords.
    #[schema(value_type = String, min_length = 8, max_length = 128, example = "seven purple llamas dance")]
    #[serde(deserialize_with = "secret_text")]
    new_password: Redacted<String>,
}

/// Change the password.
///
/// Ends all your other sessions.
#[utoipa::path(post, path = "/auth/v1/password", tag = "accounts", request_body = ChangePassword,
    responses((status = 204, description = "Changed.")),
    extensions(("x-error-codes" = json!(["auth.wrong_password", "auth.password_unchanged",
        "auth.too_many_attempts", "auth.session_ended", "auth.user_only"]))),
    security(("bearer" = [])))]
async fn change_password(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode> {
    let current = Password::typed(body.current_password.expose().clone());
    let new = Password::typed(body.new_password.expose().clone());
    app.change_password(&caller.user_id, &caller.session_id, current, new, &client)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
