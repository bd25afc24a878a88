//! `/admin/dependencies`: what the breakers know, and changing them at run time.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result};
use shoal_resilience::{BreakerSettings, Dependencies, DependencyReport};

use super::{ROLE, checked};
use crate::{Identity, Json, Path};

#[derive(Serialize)]
struct List {
    dependencies: Vec<DependencyReport>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// The routes; for administrators alone, as what they tell is nobody's business
/// and what they change stops calls.
pub(super) fn router(dependencies: Dependencies) -> Router {
    Router::new()
        .route("/admin/dependencies", get(list))
        .route("/admin/dependencies/{name}", get(show))
        .route("/admin/dependencies/{name}/breaker", put(change))
        .with_state(dependencies)
}

async fn list(identity: Identity, State(dependencies): State<Dependencies>) -> Result<Json<List>> {
    identity.require_role(ROLE)?;
    let dependencies = dependencies.report();
    Ok(Json(List { dependencies }))
}

async fn show(
    identity: Identity,
    State(dependencies): State<Dependencies>,
    Path(Name { name }): Path<Name>,
) -> Result<Json<DependencyReport>> {
    identity.require_role(ROLE)?;
    Ok(Json(find(&dependencies, &name)?.report()))
}

/// Replaces the breaker's settings until the next start; what the body leaves
/// out is the built-in default.
async fn change(
    identity: Identity,
    State(dependencies): State<Dependencies>,
    Path(Name { name }): Path<Name>,
    settings: Json<BreakerSettings>,
) -> Result<Json<DependencyReport>> {
    identity.require_role(ROLE)?;
    let settings = checked(settings)?;
    let dependency = find(&dependencies, &name)?;
    tracing::warn!(
        dependency = name,
        by = identity.user_id(),
        ?settings,
        "breaker changed"
    );
    dependency.set(settings);
    Ok(Json(dependency.report()))
}

fn find(
    dependencies: &Dependencies,
    name: &str,
) -> Result<std::sync::Arc<shoal_resilience::Dependency>> {
    dependencies.find(name).ok_or_else(|| {
        let text = format!("This service calls no dependency {name:?}.");
        Error::new(CommonCode::NotFound, text)
    })
}
