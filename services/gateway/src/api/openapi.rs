//! One API description for the whole platform.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State as Ax;
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_service::Module as _;

use crate::domain::openapi;
use crate::{Gateway, State};

/// Largest document that a service may have.
const MAX_DOCUMENT: usize = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(3);

/// The whole platform's API.
///
/// Every public operation of every service in one OpenAPI document, read from
/// the running services. A service that does not answer fails the whole: half
/// a document would look like a removed API.
#[utoipa::path(
    get, operation_id = "get_platform_document", path = "/docs/openapi.json", tag = "gateway",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object,
        example = json!({"openapi": "3.1.0", "info": {"title": "Shoal platform", "version": "0.1.0"}, "paths": {}}))),
    extensions(("x-error-codes" = json!(["common.bad_upstream"]))),
)]
pub(crate) async fn platform(Ax(state): Ax<Arc<State>>) -> Result<Json<Value>> {
    let services = state.routes.services();
    let parts = services.iter().map(|service| document_of(&state, service));
    let mut parts = Context::current()
        .child_with_timeout(TIMEOUT)
        .scope(futures::future::try_join_all(parts))
        .await?;
    parts.push(own()?);
    Ok(Json(openapi::merge(env!("CARGO_PKG_VERSION"), parts)))
}

fn own() -> Result<(String, Value)> {
    let document = shoal_service::openapi::document::<Gateway>().internal()?;
    let document = serde_json::to_value(document).internal()?;
    Ok((Gateway::NAME.to_owned(), document))
}

async fn document_of(state: &State, service: &str) -> Result<(String, Value)> {
    let away = || format!("The service {service} did not give its API description.");
    let instances = state.upstream.instances(service, None)?;
    let Some((target, _)) = instances.first() else {
        return Err(Error::new(CommonCode::Unavailable, away()));
    };
    let request = Request::get(format!("http://{}/openapi.json", target.instance.addr))
        .body(Body::empty())
        .internal()?;
    let response = state.upstream.send(service, request).await;
    let response = response.code(CommonCode::Unavailable, away())?;
    if !response.status().is_success() {
        return Err(Error::new(CommonCode::BadUpstream, away()));
    }
    let body = Limited::new(response.into_body(), MAX_DOCUMENT)
        .collect()
        .await;
    let body = body.code(CommonCode::BadUpstream, away())?.to_bytes();
    let document = serde_json::from_slice(&body).code(CommonCode::BadUpstream, away())?;
    Ok((service.to_owned(), document))
}
