//! The HTTP interface: parse, call [`crate::app`], render.

mod accounts;
mod caller;
mod client;
mod oauth;
mod oauth_form;
mod secret_text;
mod service_accounts;
mod sessions;
mod users;
mod views;
mod well_known;

use shoal_service::{OpenApiRouter, openapi};

use crate::app::App;

const TAGS: [(&str, &str); 6] = [
    (
        "accounts",
        "One's own account: registering, proving the address, the password.",
    ),
    (
        "sessions",
        "Logging in and out, renewing tokens, seeing where one is logged in.",
    ),
    ("users", "All accounts and their roles, for administrators."),
    (
        "service accounts",
        "Accounts of programs, for administrators.",
    ),
    (
        "oauth",
        "Tokens for programs, and questions about tokens, as OAuth 2.0 has them.",
    ),
    (
        "discovery",
        "What verifiers of tokens and OAuth clients look up.",
    ),
];

/// All routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    openapi::router(&TAGS)
        .merge(accounts::router())
        .merge(sessions::router())
        .merge(users::router())
        .merge(service_accounts::router())
        .merge(oauth::router())
        .merge(well_known::router())
}
