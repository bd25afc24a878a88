//! Starting a service, in the order that makes its failures plain.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use shoal_bus::Bus;
use shoal_discovery::{Discovery, Registration};
use shoal_error::Result;
use shoal_resilience::Dependencies;
use shoal_rpc::MeshSecret;
use shoal_store::Store;
use shoal_task::Scope;
use shoal_telemetry::service_span;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;

use crate::config::{ChassisConfig, Settings};
use crate::identity::{HttpJwks, IdentityVerifier, JwksSource};
use crate::listen::{Dispatch, Server, bind};
use crate::module::{Built, Module, ModuleContext};
use crate::ops::{self, Ops, Readiness, Version};
use crate::platform::Platform;
use crate::running::{Parts, Running};
use crate::shared::Shared;
use crate::{StartError, contract, http as stack, mesh, openapi, registry, wiring};

/// Starts a service: binds its port, opens and migrates its database, builds
/// it, starts its background work, and serves.
///
/// # Errors
/// [`StartError`], one sentence each.
pub async fn start<M: Module>(
    settings: Settings<M::Config>,
    platform: &Platform,
) -> Result<Running, StartError> {
    // Everything that the service does, now and later, is below this span.
    let span = service_span(M::NAME);
    Box::pin(start_in_span::<M>(settings, platform))
        .instrument(span)
        .await
}

async fn start_in_span<M: Module>(
    settings: Settings<M::Config>,
    platform: &Platform,
) -> Result<Running, StartError> {
    // A mistake in the module itself: found before anything is touched.
    let mut document = openapi::document::<M>().map_err(|e| StartError::Document(M::NAME, e))?;
    openapi::stamp(&mut document, platform.build);
    let listener = listen::<M>(settings.chassis.listen).await?;
    let mut parts = prepare::<M>(settings, platform, Some(&listener)).await?;
    let context = parts.context.take();
    let Some(context) = context else {
        return Err(StartError::Build(
            M::NAME,
            shoal_error::Error::internal("built twice"),
        ));
    };
    let chassis = Arc::clone(&context.chassis);
    let admission = context.admission.clone();
    let mut built = M::build(context)
        .await
        .map_err(|e| StartError::Build(M::NAME, e))?;
    contract::check::<M>(&built)?;
    contract::check_classes::<M>(&document)?;
    let verifier = built
        .identity
        .take()
        .unwrap_or_else(|| parts.identity.clone());
    let mesh = parts.mesh.clone();
    let shared = Shared::new(M::NAME, &chassis, verifier, mesh, admission.clone());
    let shared = Arc::new(shared);
    let readiness = readiness(&mut built, &parts);
    let workers =
        wiring::start_workers(&mut built, &parts).map_err(|e| StartError::Build(M::NAME, e))?;
    let queues = wiring::queues(&mut built, &parts, &workers);
    let document = document.to_json().unwrap_or_default();
    let ops = Ops {
        service: M::NAME,
        version: Version {
            service: M::NAME,
            version: M::VERSION,
            build: platform.build,
        },
        readiness: Arc::clone(&readiness),
        openapi: Bytes::from(document),
        dependencies: parts.dependencies.clone(),
        queues,
        admission,
        own_openapi: built.own_openapi,
    };
    let dispatch = dispatch::<M>(built, ops, &chassis, &shared);
    let server = Server::start(
        listener,
        dispatch,
        chassis.http.clone(),
        M::NAME,
        &parts.scope,
    );
    let labels = &chassis.instance.labels;
    tracing::info!(addr = %parts.addr, version = M::VERSION, ?labels, "serving");
    let record = chassis.instance.describe(M::VERSION, parts.addr);
    let registration = registry::announce_when_ready(&parts, &readiness, record);
    Ok(Running::new(
        M::NAME,
        chassis,
        server,
        readiness,
        workers,
        parts.into_running(registration),
    ))
}

/// What stands before the module is built. Also what a subcommand gets.
pub(crate) struct Prepared<C> {
    pub(crate) context: Option<ModuleContext<C>>,
    pub(crate) scope: Scope,
    pub(crate) store: Option<Store>,
    pub(crate) bus: Bus,
    pub(crate) discovery: Discovery,
    pub(crate) dependencies: Dependencies,
    pub(crate) identity: IdentityVerifier,
    pub(crate) mesh: MeshSecret,
    pub(crate) draining: CancellationToken,
    pub(crate) addr: SocketAddr,
    pub(crate) name: &'static str,
}

impl<C> Prepared<C> {
    fn into_running(self, registration: Registration) -> Parts {
        Parts {
            scope: self.scope,
            store: self.store,
            draining: self.draining,
            addr: self.addr,
            registration,
        }
    }
}

pub(crate) async fn prepare<M: Module>(
    settings: Settings<M::Config>,
    platform: &Platform,
    listener: Option<&TcpListener>,
) -> Result<Prepared<M::Config>, StartError> {
    let Settings { chassis, module } = settings;
    let addr = listener
        .and_then(|l| l.local_addr().ok())
        .unwrap_or(chassis.listen);
    let scope = Scope::root(M::NAME);
    let build = |e| StartError::Build(M::NAME, e);
    let store = open_store::<M>(&chassis, platform).await?;
    let bus = wiring::bus(&chassis, platform).map_err(build)?;
    let discovery = wiring::discovery::<M>(&chassis, platform, &scope).map_err(build)?;
    let mesh = mesh_secret(&chassis, platform).map_err(|e| StartError::DataDir {
        service: M::NAME,
        folder: chassis.data_dir.clone(),
        error: e,
    })?;
    let source = jwks(&chassis, platform).map_err(build)?;
    let clock = Arc::clone(&platform.clock);
    let identity = IdentityVerifier::new(chassis.identity.clone(), source, Arc::clone(&clock));
    let draining = CancellationToken::new();
    // Not the platform's clock: what a test holds still is no latency.
    let dependencies = Dependencies::new(
        M::NAME,
        chassis.resilience.clone(),
        shoal_task::system_clock(),
    );
    let context = ModuleContext {
        config: Arc::new(module),
        scope: scope.child("module"),
        clock,
        bus: bus.clone(),
        resolver: Arc::clone(discovery.resolver()),
        identity: identity.clone(),
        data_dir: chassis.data_dir.clone(),
        admission: wiring::admission::<M>(&chassis),
        chassis: Arc::new(chassis),
        addr,
        draining: draining.clone(),
        store: store.clone(),
        mesh: mesh.clone(),
        name: M::NAME,
        peers: M::PEERS.iter().map(|peer| peer.name).collect(),
        discovery: discovery.clone(),
        dependencies: dependencies.clone(),
    };
    let context = Some(context);
    Ok(Prepared {
        context,
        scope,
        store,
        bus,
        discovery,
        dependencies,
        identity,
        mesh,
        draining,
        addr,
        name: M::NAME,
    })
}

/// Opens and migrates the database of a module that has one.
pub(crate) async fn open_store<M: Module>(
    chassis: &ChassisConfig,
    platform: &Platform,
) -> Result<Option<Store>, StartError> {
    let Some(migrations) = M::migrations() else {
        return Ok(None);
    };
    let failed = |e| StartError::Database(M::NAME, e);
    let clock = Arc::clone(&platform.clock);
    let store = Store::open_with_clock(M::NAME, &chassis.database, clock)
        .await
        .map_err(failed)?;
    let migrations = migrations.with(shoal_queue::migrations());
    store.migrate(migrations).await.map_err(failed)?;
    Ok(Some(store))
}

async fn listen<M: Module>(address: SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen {
        service: M::NAME,
        address,
        error,
    };
    bind(address).await.map_err(failed)
}

fn mesh_secret(chassis: &ChassisConfig, platform: &Platform) -> std::io::Result<MeshSecret> {
    match &platform.mesh {
        Some(mesh) => Ok(mesh.clone()),
        None if chassis.mesh_secret.is_empty() => mesh::of_folder(&chassis.data_dir),
        None => Ok(MeshSecret::new(chassis.mesh_secret.as_str())),
    }
}

fn jwks(chassis: &ChassisConfig, platform: &Platform) -> Result<Arc<dyn JwksSource>> {
    match &platform.jwks {
        Some(source) => Ok(Arc::clone(source)),
        None => Ok(Arc::new(HttpJwks::new(chassis.identity.jwks_url.as_str())?)),
    }
}

fn readiness<S, C>(built: &mut Built<S>, parts: &Prepared<C>) -> Arc<Readiness> {
    let mut checks = wiring::checks(parts);
    checks.append(&mut built.checks);
    Arc::new(Readiness::new(checks, parts.draining.clone()))
}

fn dispatch<M: Module>(
    built: Built<M::State>,
    ops: Ops,
    chassis: &ChassisConfig,
    shared: &Arc<Shared>,
) -> Dispatch {
    let Built {
        state,
        grpc,
        own_fallback,
        http_layers,
        ..
    } = built;
    let (api, _): (Router, _) = OpenApiRouter::with_state::<()>(M::api(), state).split_for_parts();
    let api = api.merge(ops::router(ops));
    let around = http_layers.unwrap_or_else(|| Box::new(|router| router));
    let http = stack::layered(api, own_fallback, around, shared);
    Dispatch {
        http,
        grpc: wiring::grpc(grpc.routes(), chassis, shared),
    }
}
