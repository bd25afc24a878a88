//! What kind of caller a handler wants. Both look into the database, because a
//! good access token outlives its session.

use axum::extract::FromRequestParts;
use http::request::Parts;
use shoal_error::{Error, Result};
use shoal_service::Identity;

use crate::app::App;
use crate::app::sessions::users_only;
use crate::domain::role::ADMIN;

/// A user with a live session.
#[derive(Clone, Debug)]
pub(super) struct CurrentUser {
    pub(super) user_id: String,
    pub(super) session_id: String,
}

/// An administrator: a user with a live session, or a live service account.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    pub(super) id: String,
}

impl FromRequestParts<App> for CurrentUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let identity = Identity::from_request_parts(parts, app).await?;
        let session_id = identity.session_id().ok_or_else(users_only)?.to_owned();
        app.require_live_session(&session_id).await?;
        Ok(Self {
            user_id: identity.user_id().to_owned(),
            session_id,
        })
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let identity = Identity::from_request_parts(parts, app).await?;
        identity.require_role(ADMIN)?;
        match identity.session_id() {
            Some(session_id) => app.require_live_session(session_id).await?,
            None => app.require_live_account(identity.user_id()).await?,
        }
        Ok(Self {
            id: identity.user_id().to_owned(),
        })
    }
}
