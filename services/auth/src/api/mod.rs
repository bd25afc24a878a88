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

use shoal_service::OpenApiRouter;

use crate::app::App;

/// All routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(accounts::router())
        .merge(sessions::router())
        .merge(users::router())
        .merge(service_accounts::router())
        .merge(oauth::router())
        .merge(well_known::router())
}
