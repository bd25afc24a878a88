//! The one door for clients.
//!
//! | here | what |
//! |---|---|
//! | [`config`] | settings |
//! | `domain` | rules: routes, headers, limits, merging of API descriptions |
//! | `docs` | the documentation portal |
//! | `gray` | traffic colouring: rules, trail, rollback |
//! | `proxy` | passing requests on |
//! | `api` | the gateway's own operations |
//!
//! It knows services by name and prefix only, never their contracts, so that a
//! service can add an operation without a release of the gateway. Rejected: a
//! gateway that speaks gRPC to the services and renders JSON itself (it would
//! be coupled to every contract, and HTTP would have two shapes).

mod api;
mod codes;
pub mod config;
mod docs;
mod domain;
mod gray;
mod proxy;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use shoal_error::{CodeSpec, Result};
use shoal_service::{
    Built, ConfigFault, Module, ModuleContext, OpenApiRouter, Peer, openapi, routes,
};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::codes::GatewayCode;
use crate::config::{CorsConfig, GatewayConfig};
use crate::domain::limits::Limits;
use crate::domain::routes::Routes;
use crate::gray::Gray;
use crate::proxy::Upstream;

/// The gateway.
#[derive(Debug)]
pub struct Gateway;

/// What every request needs.
pub struct State {
    routes: Routes,
    limits: Limits,
    upstream: Upstream,
    gray: Arc<Gray>,
    mesh_secret: Option<HeaderValue>,
    trace_view: bool,
    docs: docs::Site,
    /// Fires when the gateway begins to shut down.
    draining: CancellationToken,
    health: api::health::Kept,
    documents: api::openapi::Documents,
}

impl Module for Gateway {
    const NAME: &'static str = "gateway";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "The one door for clients: routing, token checks, limits.";
    const PORT: u16 = 8080;
    const PEERS: &'static [Peer] = &[
        Peer::new("auth", "127.0.0.1:8081"),
        Peer::new("billing", "127.0.0.1:8082"),
        Peer::new("order", "127.0.0.1:8083"),
        Peer::new("notification", "127.0.0.1:8084"),
    ];
    const CODES: &'static [CodeSpec] = GatewayCode::CATALOGUE;
    type Config = GatewayConfig;
    type State = Arc<State>;

    fn api() -> OpenApiRouter<Arc<State>> {
        openapi::router(&api::TAGS)
            .merge(api::gray::router())
            .routes(routes!(api::openapi::platform))
            .routes(routes!(api::health::platform))
            .routes(routes!(api::traces::trace))
            .fallback(proxy::pass)
    }

    fn check_config(config: &GatewayConfig) -> std::result::Result<(), ConfigFault> {
        Routes::new(&config.routes).map_err(|text| ConfigFault::new("routes", text))?;
        origins(&config.cors).map_err(|text| ConfigFault::new("cors.allowed_origins", text))?;
        docs::Site::open(&config.docs.dir).map_err(|text| ConfigFault::new("docs.dir", text))?;
        Ok(())
    }

    async fn build(ctx: ModuleContext<GatewayConfig>) -> Result<Built<Arc<State>>> {
        let config = &ctx.config;
        let routes = Routes::new(&config.routes).map_err(shoal_error::Error::internal)?;
        let resolver = Arc::clone(&ctx.resolver);
        let gray = Gray::open(&config.gray, &ctx.data_dir, Arc::clone(&ctx.clock)).await;
        let gray = Arc::new(gray);
        gray::start(&gray, &ctx.scope);
        let state = Arc::new(State {
            upstream: Upstream::new(
                &config.upstream,
                resolver.as_ref(),
                &ctx.dependencies,
                &ctx.admission,
                routes.services(),
            ),
            limits: Limits::new(&config.rate_limit),
            gray,
            mesh_secret: HeaderValue::from_str(ctx.mesh().expose()).ok(),
            trace_view: config.trace_view,
            docs: docs::Site::open(&config.docs.dir).map_err(shoal_error::Error::internal)?,
            draining: ctx.draining.clone(),
            health: api::health::Kept::default(),
            documents: api::openapi::none_yet(routes.services().len()),
            routes,
        });
        sweep_limits(&ctx, &state);
        let cors = cors(&config.cors);
        Ok(Built::new(state)
            .own_fallback()
            .http_layers(move |router| router.layer(cors)))
    }
}

/// Callers who have not come for a while cost no memory.
fn sweep_limits(ctx: &ModuleContext<GatewayConfig>, state: &Arc<State>) {
    let (scope, state) = (ctx.scope.clone(), Arc::clone(state));
    ctx.scope
        .spawn_detached_context("rate-limit-sweep", async move {
            let mut tick = tokio::time::interval(Duration::from_secs(30));
            loop {
                tokio::select! {
                    () = scope.cancelled() => return,
                    _ = tick.tick() => state.limits.sweep(),
                }
            }
        });
}

fn cors(config: &CorsConfig) -> CorsLayer {
    let own = |name| HeaderName::from_static(name);
    CorsLayer::new()
        // Checked when the settings were read.
        .allow_origin(AllowOrigin::list(origins(config).unwrap_or_default()))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            own("idempotency-key"),
            own("last-event-id"),
            own("traceparent"),
            own("x-request-id"),
            own("x-shoal-timeout-ms"),
        ])
        .expose_headers([
            header::LOCATION,
            header::RETRY_AFTER,
            own("x-request-id"),
            own("x-trace-id"),
        ])
        .max_age(Duration::from_secs(config.max_age_s))
}

fn origins(config: &CorsConfig) -> std::result::Result<Vec<HeaderValue>, String> {
    let parse = |origin: &String| {
        let whole = origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/')
        });
        HeaderValue::from_str(origin)
            .ok()
            .filter(|_| whole)
            .ok_or_else(|| format!("{origin:?} is not an origin such as \"https://shop.example\""))
    };
    config.allowed_origins.iter().map(parse).collect()
}
