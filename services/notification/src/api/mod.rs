//! HTTP: parse, call an operation, render. One file per resource.

mod dead_letters;
mod deliveries;
mod inbox;
mod notifications;
mod preferences;
mod stream;
mod templates;

use shoal_service::{Identity, OpenApiRouter};

use crate::app::App;

/// Where every path begins.
const PREFIX: &str = "/notification/v1";
/// Role that may see and mend what the service does.
const ADMIN: &str = "admin";
/// Role of programs that may send notifications.
const NOTIFIER: &str = "notifier";

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
    OpenApiRouter::new().nest(PREFIX, routes)
}

fn require_admin(identity: &Identity) -> shoal_error::Result<()> {
    identity.require_role(ADMIN)
}
