//! Which services are ready, and in which version: for the portal's first page
//! and for people who look after an incident.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State as Ax;
use http::{HeaderName, Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde_json::Value;
use shoal_context::Context;
use tokio::time::Instant;

use crate::State;
use crate::proxy::Service;

/// Largest answer that is looked at.
const MAX_ANSWER: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer is given again, so that many readers cost the services
/// no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// State of the platform as the gateway sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"services": [{"name": "order", "state": "ready", "version": "1.4.0"}]}))]
pub(crate) struct PlatformHealth {
    /// The gateway, then the services that it knows, by name.
    services: Vec<ServiceHealth>,
}

/// State of one service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"name": "order", "state": "ready", "version": "1.4.0"}))]
pub(crate) struct ServiceHealth {
    /// Name of the service.
    name: String,
    /// Whether it can work now.
    state: ServiceState,
    /// Version that answered; `null` when none did.
    version: Option<String>,
}

/// Whether a service can work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServiceState {
    /// It can.
    Ready,
    /// It answers, but something that it needs is missing.
    NotReady,
    /// It does not answer.
    Away,
}

/// The last answer.
pub(crate) type Kept = tokio::sync::Mutex<Option<(Instant, PlatformHealth)>>;

/// Readiness and version of every service.
///
/// Asks one instance of each service, for two seconds at most. Always 200: a
/// service that does not answer is `away`.
#[utoipa::path(
    get, operation_id = "get_platform_health", path = "/docs/health.json", tag = "gateway",
    responses((status = 200, description = "State of each service.", body = PlatformHealth)),
)]
pub(crate) async fn platform(
    Ax(state): Ax<Arc<State>>,
) -> ([(HeaderName, &'static str); 1], Json<PlatformHealth>) {
    // Held while asking: whoever comes meanwhile waits for the same answer.
    let mut kept = state.health.lock().await;
    let health = match &*kept {
        Some((when, health)) if when.elapsed() < FRESH => health.clone(),
        _ => {
            let health = ask(&state).await;
            *kept = Some((Instant::now(), health.clone()));
            health
        }
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(health))
}

async fn ask(state: &State) -> PlatformHealth {
    let names = state.routes.services();
    let asked = names.iter().map(|name| service(state, name));
    let mut services = vec![ServiceHealth {
        name: "gateway".to_owned(),
        state: ServiceState::Ready,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
    }];
    services.extend(futures::future::join_all(asked).await);
    PlatformHealth { services }
}

async fn service(state: &State, name: &str) -> ServiceHealth {
    // Both answers from the same instance.
    let both = async {
        let service = state.upstream.service(name).ok()?;
        let instances = service.instances(None).ok()?;
        let (target, _) = instances.first()?;
        let address = target.instance.addr.as_str();
        Some(futures::join!(
            read(state, service, address, "/readyz"),
            read(state, service, address, "/version")
        ))
    };
    let answered = Context::current()
        .child_with_timeout(TIMEOUT)
        .stop_or(tokio::time::timeout(TIMEOUT, both))
        .await;
    let (ready, version) = match answered {
        Ok(Ok(Some(both))) => both,
        _ => (None, None),
    };
    ServiceHealth {
        name: name.to_owned(),
        state: match &ready {
            Some((true, _)) => ServiceState::Ready,
            Some((false, _)) => ServiceState::NotReady,
            None => ServiceState::Away,
        },
        version: version.and_then(|(_, body)| Some(body["version"].as_str()?.to_owned())),
    }
}

/// Whether the instance answered with success, and its answer.
async fn read(
    state: &State,
    service: &Service,
    address: &str,
    path: &str,
) -> Option<(bool, Value)> {
    let request = Request::get(format!("http://{address}{path}"));
    let request = request.body(Body::empty()).ok()?;
    let response = state.upstream.send(service, request).await.ok()?;
    let success = response.status().is_success();
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await
        .ok()?;
    let body = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    Some((success, body))
}
