//! HTTP: parse, call an operation, render. One file per resource.

mod dead_letters;
mod deliveries;
mod inbox;
mod notifications;
mod preferences;
mod stream;
mod templates;

use shoal_service::{Identity, OpenApiRouter, openapi};

use crate::app::App;
use crate::domain::announce;

/// Where every path begins.
const PREFIX: &str = "/notification/v1";
/// Role that may see and mend what the service does.
const ADMIN: &str = "admin";
/// Role of programs that may send notifications.
const NOTIFIER: &str = "notifier";

const TAGS: [(&str, &str); 7] = [
    (
        "inbox",
        "What one was told, read or unread, and live as it comes.",
    ),
    ("preferences", "By which ways one wants to be told of what."),
    ("notifications", "Sending by hand or by program."),
    (
        "deliveries",
        "What became of each notification on its way, for administrators.",
    ),
    (
        "dead letters",
        "What could not be delivered or consumed, for administrators.",
    ),
    (
        "templates",
        "Texts, their versions and languages, for administrators.",
    ),
    shoal_webhook::http::TAG,
];

/// All routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    let routes = OpenApiRouter::new()
        .merge(inbox::router())
        .merge(stream::router())
        .merge(preferences::router())
        .merge(notifications::router())
        .merge(deliveries::router())
        .merge(dead_letters::router())
        .merge(templates::router())
        .merge(shoal_webhook::http::router());
    let mut router = openapi::router(&TAGS).nest(PREFIX, routes);
    shoal_webhook::http::describe_events(router.get_openapi_mut(), announce::WEBHOOK_TYPES);
    router
}

fn require_admin(identity: &Identity) -> shoal_error::Result<()> {
    identity.require_role(ADMIN)
}
