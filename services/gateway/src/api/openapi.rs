//! One API description for the whole platform.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State as Ax;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_resilience::LastGood;
use shoal_service::Module as _;

use crate::domain::openapi;
use crate::proxy::Service;
use crate::{Gateway, State};

/// Largest document that a service may have.
const MAX_DOCUMENT: usize = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long a description stands in for a service that is away.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// The last description of each service.
pub(crate) type Documents = LastGood<Arc<str>, (String, Value)>;

/// None yet, of as many services as there are.
pub(crate) fn none_yet(services: usize) -> Documents {
    LastGood::new(services, KEPT)
}

/// The whole platform's API.
///
/// Every public operation of every service in one OpenAPI document, read from
/// the running services. For a service that is away its last description of the
/// past day stands, and the answer says so in `x-shoal-degraded`. Where there is
/// none the whole fails: half a document would look like a removed API.
#[utoipa::path(
    get, operation_id = "get_platform_document", path = "/docs/openapi.json", tag = "gateway",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object,
        example = json!({"openapi": "3.1.0", "info": {"title": "Shoal platform", "version": "0.1.0"}, "paths": {}}))),
    extensions(("x-error-codes" = json!(["common.bad_upstream"]))),
)]
pub(crate) async fn platform(Ax(state): Ax<Arc<State>>) -> Result<Json<Value>> {
    let services = state.routes.services();
    let parts = services.iter().map(|service| kept_or_read(&state, service));
    let mut parts = futures::future::try_join_all(parts).await?;
    parts.push(own()?);
    Ok(Json(openapi::merge(env!("CARGO_PKG_VERSION"), parts)))
}

fn own() -> Result<(String, Value)> {
    let document = shoal_service::openapi::document::<Gateway>().internal()?;
    let document = serde_json::to_value(document).internal()?;
    Ok((Gateway::NAME.to_owned(), document))
}

async fn kept_or_read(state: &State, name: &Arc<str>) -> Result<(String, Value)> {
    let service = state.upstream.service(name)?;
    let dependency = service.dependency(None);
    dependency
        .degradable("ApiDescription", document_of(state, service))
        .within(TIMEOUT)
        .or_cached(&state.documents, Arc::clone(name))
        .await
}

async fn document_of(state: &State, service: &Service) -> Result<(String, Value)> {
    let name = service.name();
    let away = || format!("The service {name} did not give its API description.");
    let instances = service.instances(None)?;
    let Some((target, _)) = instances.first() else {
        return Err(Error::new(CommonCode::Unavailable, away()));
    };
    let request = Request::get(format!("http://{}/openapi.json", target.instance.addr))
        .body(Body::empty())
        .internal()?;
    let response = state.upstream.send(service, request).await;
    let response = response.code(CommonCode::Unavailable, away())?;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        return Err(Error::new(CommonCode::Unavailable, away()));
    }
    if !response.status().is_success() {
        return Err(Error::new(CommonCode::BadUpstream, away()));
    }
    let body = Limited::new(response.into_body(), MAX_DOCUMENT)
        .collect()
        .await;
    let body = body.code(CommonCode::BadUpstream, away())?.to_bytes();
    let document = serde_json::from_slice(&body).code(CommonCode::BadUpstream, away())?;
    Ok((name.to_owned(), document))
}
