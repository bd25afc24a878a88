//! The registry as one service uses it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_task::{Scope, SharedClock};
use shoal_telemetry::service_span;
use tokio::sync::watch;
use tracing::{Instrument as _, Span};

use super::EtcdConfig;
use super::client::Client;
use super::config::Keys;
use super::election::Election;
use super::metrics::ListMetrics;
use super::mirror::Mirror;
use super::registration::Registration;
use super::watcher::Watcher;
use crate::{ConfigError, Instances, Leadership, Resolver, Watch};

/// Instances, registrations and elections in etcd. Clones share connections and
/// lists. Everything runs in the scope that it was made with.
#[derive(Clone, Debug)]
pub struct EtcdRegistry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: String,
    config: EtcdConfig,
    keys: Keys,
    client: Client,
    scope: Scope,
    clock: SharedClock,
    lists: Mutex<HashMap<String, watch::Sender<Instances>>>,
}

impl EtcdRegistry {
    /// The registry as `service` uses it. Opens no connection yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(
        service: &str,
        config: &EtcdConfig,
        scope: &Scope,
        clock: SharedClock,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self(Arc::new(Inner {
            service: service.to_owned(),
            config: config.clone(),
            keys: Keys::new(config),
            client: Client::new(config).map_err(ConfigError::Endpoint)?,
            scope: scope.child("discovery"),
            clock,
            lists: Mutex::default(),
        })))
    }

    /// Makes a place for the service's own record. Nothing is written before
    /// [`Registration::announce`]. Must be called in a runtime.
    pub fn register(&self) -> Registration {
        let inner = &self.0;
        let prefix = inner.keys.instances(&inner.service);
        Registration::start(
            &inner.service,
            prefix,
            inner.client.clone(),
            inner.config.lease_s,
            &inner.clock,
            &inner.scope,
        )
    }

    /// Stands for election as the one instance of the service that does
    /// `role`'s work, until the scope ends. Must be called in a runtime.
    pub fn campaign(&self, role: &str) -> Leadership {
        let inner = &self.0;
        let prefix = inner.keys.candidates(&inner.service, role);
        Election::start(
            &inner.service,
            role,
            prefix,
            inner.client.clone(),
            inner.config.lease_s,
            &inner.clock,
            &inner.scope,
        )
    }

    /// Services that are watched and whose list was never read.
    pub fn unread(&self) -> Vec<String> {
        let lists = self.lists();
        let unread = lists.iter().filter(|(_, list)| list.borrow().revision == 0);
        unread.map(|(service, _)| service.clone()).collect()
    }

    /// The list of a service; the watch begins with the first call.
    fn list<T>(&self, service: &str, look: impl FnOnce(&watch::Sender<Instances>) -> T) -> T {
        let mut lists = self.lists();
        if let Some(list) = lists.get(service) {
            return look(list);
        }
        let list = watch::Sender::new(Instances {
            stale: true,
            ..Instances::default()
        });
        self.follow(service, list.clone());
        look(lists.entry(service.to_owned()).or_insert(list))
    }

    fn follow(&self, service: &str, lists: watch::Sender<Instances>) {
        let inner = &self.0;
        let watcher = Watcher {
            target: service.to_owned(),
            prefix: inner.keys.instances(service),
            client: inner.client.clone(),
            lists,
            keep: Duration::from_secs(u64::from(inner.config.lease_s)),
            clock: Arc::clone(&inner.clock),
            scope: inner.scope.clone(),
            metrics: ListMetrics::new(&inner.service, service),
            backoff: super::backoff(),
            mirror: Mirror::default(),
        };
        // Not below the request that happened to ask first.
        let span = Span::none().in_scope(|| service_span(&inner.service));
        let work = watcher.run().instrument(span);
        drop(inner.scope.spawn_detached_context("watch", work));
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Instances>>> {
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for EtcdRegistry {
    fn resolve(&self, service: &str) -> Instances {
        self.list(service, |list| list.borrow().clone())
    }

    fn watch(&self, service: &str) -> Watch {
        self.list(service, |list| Watch::new(list.subscribe()))
    }
}
