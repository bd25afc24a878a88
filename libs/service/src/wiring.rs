//! Where the chassis meets the bus, discovery and RPC.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use shoal_discovery::{Resolver, StaticResolver};
use shoal_error::{Error, Result};
use shoal_store::Store;
use shoal_task::Scope;
use tonic::service::Routes;

use crate::config::ChassisConfig;
use crate::module::{Built, ModuleContext};
use crate::ops::ReadyCheck;
use crate::platform::Platform;
use crate::shared::Shared;
use crate::start::Prepared;

pub use pending::{Bus, Channel, Consumer};
mod pending {
    /// Bus.
    #[derive(Clone)]
    pub struct Bus;
    /// Consumer.
    pub struct Consumer;
    /// Channel.
    pub type Channel = tonic::transport::Channel;
}

pub(crate) fn channel<C>(_context: &ModuleContext<C>, _name: &'static str) -> Result<Channel> {
    Err(Error::internal("rpc is not there yet"))
}

pub(crate) async fn bus(_chassis: &ChassisConfig, platform: &Platform) -> Result<Bus> {
    Ok(platform.bus.clone().unwrap_or(Bus))
}

pub(crate) fn resolver(chassis: &ChassisConfig, platform: &Platform) -> Result<Arc<dyn Resolver>> {
    if let Some(resolver) = &platform.resolver {
        return Ok(Arc::clone(resolver));
    }
    let resolver = StaticResolver::from_config(&chassis.discovery).map_err(Error::internal)?;
    Ok(Arc::new(resolver))
}

/// Starts the outbox relay and the consumers.
pub(crate) fn start_workers<S, C>(_built: &mut Built<S>, parts: &Prepared<C>) -> Result<Scope> {
    Ok(parts.scope.child("workers"))
}

/// What every service is asked on `/readyz`.
pub(crate) fn checks<C>(parts: &Prepared<C>) -> Vec<(&'static str, ReadyCheck)> {
    let mut checks: Vec<(&'static str, ReadyCheck)> = Vec::new();
    if let Some(store) = parts.store.clone() {
        checks.push((
            "database",
            Arc::new(move || {
                let store = store.clone();
                Box::pin(async move { store.ping().await })
            }),
        ));
    }
    checks
}

/// Puts the server stack around the gRPC services.
pub(crate) fn grpc(routes: Routes, _shared: &Arc<Shared>) -> Router {
    routes.into_axum_router()
}

/// Closes the database once nobody uses it.
pub(crate) async fn close(store: &Store, bound: Duration) {
    if tokio::time::timeout(bound, store.close()).await.is_err() {
        tracing::warn!("the database did not close in time");
    }
}
