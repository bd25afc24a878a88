//! `/admin/limits`: how many requests are handled at once, what was learned, and
//! changing it at run time.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use shoal_error::Result;
use shoal_resilience::{Admission, AdmissionReport, AdmissionSettings};

use super::{ROLE, checked};
use crate::{Identity, Json};

/// The routes; for administrators alone, as what they change keeps requests
/// out.
pub(super) fn router(admission: Admission) -> Router {
    Router::new()
        .route("/admin/limits", get(show).put(change))
        .with_state(admission)
}

async fn show(
    identity: Identity,
    State(admission): State<Admission>,
) -> Result<Json<AdmissionReport>> {
    identity.require_role(ROLE)?;
    Ok(Json(admission.report()))
}

/// Replaces the settings until the next start; what the body leaves out is the
/// built-in default.
async fn change(
    identity: Identity,
    State(admission): State<Admission>,
    settings: Json<AdmissionSettings>,
) -> Result<Json<AdmissionReport>> {
    identity.require_role(ROLE)?;
    let settings = checked(settings)?;
    tracing::warn!(by = identity.user_id(), ?settings, "limits changed");
    admission.set(settings);
    Ok(Json(admission.report()))
}
