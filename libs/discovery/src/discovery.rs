//! What the settings name, behind one face: the lists in them, or a registry.

use std::sync::Arc;

use shoal_task::{Scope, SharedClock};

use crate::{
    ConfigError, DiscoveryConfig, EtcdRegistry, Leadership, Registration, Resolver, StaticResolver,
};

/// How one service finds others, makes itself known, and agrees with its
/// other instances on who leads.
#[derive(Clone, Debug)]
pub struct Discovery {
    resolver: Arc<dyn Resolver>,
    registry: Option<EtcdRegistry>,
}

impl Discovery {
    /// Discovery of `service` as the settings name it; what runs in the
    /// background does so in `scope`.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn from_config(
        service: &str,
        config: &DiscoveryConfig,
        scope: &Scope,
        clock: SharedClock,
    ) -> Result<Self, ConfigError> {
        if !config.etcd.is_used() {
            return Ok(Self::with(Arc::new(StaticResolver::from_config(config)?)));
        }
        let registry = EtcdRegistry::new(service, &config.etcd, scope, clock)?;
        Ok(Self {
            resolver: Arc::new(registry.clone()),
            registry: Some(registry),
        })
    }

    /// Discovery by a resolver that somebody else keeps; without a registry.
    pub fn with(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            registry: None,
        }
    }

    /// Where other services are.
    pub fn resolver(&self) -> &Arc<dyn Resolver> {
        &self.resolver
    }

    /// Whether instances register themselves.
    pub fn has_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// A place for the service's own record; without a registry one that does
    /// nothing. Must be called in a runtime.
    pub fn register(&self) -> Registration {
        let registry = self.registry.as_ref();
        registry.map(EtcdRegistry::register).unwrap_or_default()
    }

    /// Who does `role`'s work; without a registry always this instance. Must be
    /// called in a runtime.
    pub fn campaign(&self, role: &str) -> Leadership {
        match &self.registry {
            Some(registry) => registry.campaign(role),
            None => Leadership::always(),
        }
    }

    /// Services that are called and whose instances were never heard of.
    pub fn unread(&self) -> Vec<String> {
        let registry = self.registry.as_ref();
        registry.map(EtcdRegistry::unread).unwrap_or_default()
    }
}
