//! The endpoints that operators and their tools use: `/healthz`, `/readyz`,
//! `/metrics`, `/version`, `/openapi.json`; and for administrators
//! `/admin/dependencies`, `/admin/limits`, `/admin/queues` and
//! `/admin/dead-letters`.

mod build;
mod dependencies;
mod limits;
mod queues;
mod readiness;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use shoal_error::{CommonCode, Error, Result};
use shoal_queue::Queues;
use shoal_resilience::{Admission, Dependencies};
use shoal_telemetry::metrics;

pub use build::BuildInfo;
pub(crate) use readiness::{Readiness, ReadyCheck};

use crate::Json;
use crate::config::within_schema;

const PATHS: [&str; 5] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/version",
    "/openapi.json",
];

/// Below it is what an administrator needs when the service is busy; modules
/// have nothing there.
const ADMIN: &str = "/admin/";

/// Who may look there and act.
const ROLE: &str = "admin";

/// Whether a path is one of these endpoints.
pub(crate) fn is_ops(path: &str) -> bool {
    PATHS.contains(&path) || path.starts_with(ADMIN)
}

/// Settings that came with a request, when they are within their schema.
fn checked<T: JsonSchema + Serialize>(Json(settings): Json<T>) -> Result<T> {
    within_schema(&settings)
        .map_err(|fault| Error::new(CommonCode::InvalidField, fault.to_string()))?;
    Ok(settings)
}

/// What the endpoints show.
pub(crate) struct Ops {
    pub(crate) service: &'static str,
    pub(crate) version: Version,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) openapi: Bytes,
    pub(crate) dependencies: Dependencies,
    pub(crate) queues: Queues,
    pub(crate) admission: Admission,
    /// The module brings its own `/openapi.json`.
    pub(crate) own_openapi: bool,
}

/// Answer of `/version`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) service: &'static str,
    pub(crate) version: &'static str,
    #[serde(flatten)]
    pub(crate) build: BuildInfo,
}

pub(crate) fn router(ops: Ops) -> Router {
    let Ops {
        service,
        version,
        readiness,
        openapi,
        dependencies,
        queues,
        admission,
        own_openapi,
    } = ops;
    let router = Router::new()
        .route(
            "/healthz",
            get(|| async { Json(serde_json::json!({ "status": "alive" })) }),
        )
        .route(
            "/readyz",
            get(move || async move { ready(&readiness).await }),
        )
        .route("/metrics", get(move || async move { exposition(service) }))
        .route("/version", get(move || async move { Json(version) }))
        .merge(dependencies::router(dependencies))
        .merge(queues::router(queues))
        .merge(limits::router(admission));
    if own_openapi {
        return router;
    }
    router.route(
        "/openapi.json",
        get(move || async move { ([(header::CONTENT_TYPE, "application/json")], openapi) }),
    )
}

async fn ready(readiness: &Readiness) -> Response {
    let report = readiness.report().await;
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

fn exposition(service: &str) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)],
        metrics::encode_for(service),
    )
}
