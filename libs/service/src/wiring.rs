//! Where the chassis meets the bus, discovery and RPC.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use shoal_bus::{Bus, Relay};
use shoal_discovery::{Discovery, Leadership};
use shoal_error::{Error, Result};
use shoal_queue::{EventLetters, Queues};
use shoal_resilience::Admission;
use shoal_rpc::{Channel, Client, ClientConfig, ServerConfig};
use shoal_store::{Dialect, Store};
use shoal_task::Scope;
use tonic::service::Routes;

use crate::config::ChassisConfig;
use crate::module::{Built, Module, ModuleContext};
use crate::ops::ReadyCheck;
use crate::platform::Platform;
use crate::shared::Shared;
use crate::start::Prepared;

/// A channel to a service that discovery knows.
pub(crate) fn channel<C>(context: &ModuleContext<C>, name: &'static str) -> Result<Channel> {
    let config = ClientConfig {
        settings: context.chassis.rpc.client.clone(),
        dependencies: context.dependencies.clone(),
        ..ClientConfig::new(context.name, context.mesh.clone())
    };
    if !context.peers.contains(&name) {
        // Who calls whom is part of a module's description.
        let text = format!(
            "{} calls {name}, which is not among its PEERS",
            context.name
        );
        return Err(Error::internal(text));
    }
    Ok(Client::connect(name, &context.resolver, &config))
}

/// The bus that the program brought, or the one that the settings name.
pub(crate) fn bus(chassis: &ChassisConfig, platform: &Platform) -> Result<Bus> {
    match &platform.bus {
        Some(bus) => Ok(bus.clone()),
        None => Bus::from_config(&chassis.bus),
    }
}

/// The resolver that the program brought, or what the settings name.
pub(crate) fn discovery<M: Module>(
    chassis: &ChassisConfig,
    platform: &Platform,
    scope: &Scope,
) -> Result<Discovery> {
    if let Some(resolver) = &platform.resolver {
        return Ok(Discovery::with(Arc::clone(resolver)));
    }
    let clock = Arc::clone(&platform.clock);
    Discovery::from_config(M::NAME, &chassis.discovery, scope, clock).map_err(Error::internal)
}

/// Starts the consumers and the outbox relay.
pub(crate) fn start_workers<S, C>(built: &mut Built<S>, parts: &Prepared<C>) -> Result<Scope> {
    let workers = parts.scope.child("workers");
    let consumers = std::mem::take(&mut built.consumers);
    let Some(store) = &parts.store else {
        if consumers.is_empty() {
            return Ok(workers);
        }
        // Their inbox must be somewhere.
        let text = format!("{} has consumers but declares no database", parts.name);
        return Err(Error::internal(text));
    };
    // Consumers join first, so that no event of the relay passes them by.
    for consumer in consumers {
        consumer.start(&parts.bus, store, &workers);
    }
    Relay::new(store, &parts.bus)
        .led_by(relay_leadership(parts, store))
        .start(&workers);
    Ok(workers)
}

/// Several instances share a PostgreSQL database, and one of them looks after
/// what the others left. A SQLite file has one user, and a bus within the
/// process only ever hears of its own events.
fn relay_leadership<C>(parts: &Prepared<C>, store: &Store) -> Leadership {
    if store.dialect() == Dialect::Postgres && !parts.bus.is_in_process() {
        parts.discovery.campaign("relay")
    } else {
        Leadership::always()
    }
}

/// The queues of the module, and the events that its consumers parked.
pub(crate) fn queues<S, C>(built: &mut Built<S>, parts: &Prepared<C>, scope: &Scope) -> Queues {
    let Some(store) = &parts.store else {
        return Queues::default();
    };
    let mut queues = std::mem::take(&mut built.dead_letters);
    queues.push(Arc::new(EventLetters::new(store.clone())));
    Queues::new(store.clone(), queues, scope)
}

/// What every service is asked on `/readyz`.
pub(crate) fn checks<C>(parts: &Prepared<C>) -> Vec<(&'static str, ReadyCheck)> {
    let mut checks = Vec::new();
    if parts.discovery.has_registry() {
        checks.push(("discovery", crate::registry::check(&parts.discovery)));
    }
    let Some(store) = parts.store.clone() else {
        return checks;
    };
    let bus = parts.bus.clone();
    let database: ReadyCheck = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move { store.ping().await })
    });
    let bus: ReadyCheck = Arc::new(move || {
        let bus = bus.clone();
        Box::pin(async move { bus.ping().await })
    });
    checks.extend([("database", database), ("bus", bus)]);
    checks
}

/// The one door for HTTP and gRPC.
pub(crate) fn admission<M: Module>(chassis: &ChassisConfig) -> Admission {
    let settings = chassis.admission.clone();
    Admission::new(
        M::NAME,
        settings.at_most(chassis.http.max_in_flight),
        M::CLASSES,
        // Not the platform's clock: what a test holds still is no latency.
        shoal_task::system_clock(),
    )
}

/// Puts the server stack around the gRPC services.
pub(crate) fn grpc(routes: Routes, chassis: &ChassisConfig, shared: &Shared) -> Router {
    let config = ServerConfig {
        colour: chassis.instance.colour().map(str::to_owned),
        settings: chassis.rpc.server.clone(),
        admission: shared.admission.clone(),
        service: shared.name.to_owned(),
        mesh_secret: shared.mesh.clone(),
    };
    shoal_rpc::server::stack(routes, &config)
}

/// Closes the database once nobody uses it.
pub(crate) async fn close(store: &Store, bound: Duration) {
    if tokio::time::timeout(bound, store.close()).await.is_err() {
        tracing::warn!("the database did not close in time");
    }
}
