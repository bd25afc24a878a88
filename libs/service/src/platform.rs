//! What the services of one process share.

use std::sync::Arc;

use shoal_bus::Bus;
use shoal_discovery::Resolver;
use shoal_rpc::MeshSecret;
use shoal_task::{SharedClock, system_clock};

use crate::identity::JwksSource;
use crate::ops::BuildInfo;

/// Parts that the program around the services brings; what it does not bring
/// is made from each service's settings.
#[derive(Clone)]
pub struct Platform {
    pub(crate) clock: SharedClock,
    pub(crate) build: BuildInfo,
    pub(crate) bus: Option<Bus>,
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) jwks: Option<Arc<dyn JwksSource>>,
    pub(crate) mesh: Option<MeshSecret>,
}

impl Default for Platform {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform {
    /// Brings nothing but the machine's clock.
    pub fn new() -> Self {
        Self {
            clock: system_clock(),
            build: BuildInfo::default(),
            bus: None,
            resolver: None,
            jwks: None,
            mesh: None,
        }
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The stamp of the program.
    #[must_use]
    pub fn build(mut self, build: BuildInfo) -> Self {
        self.build = build;
        self
    }

    /// One bus for all services; needed for an in-process one.
    #[must_use]
    pub fn bus(mut self, bus: Bus) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Where services are, instead of the setting `discovery`.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Where token keys come from, instead of the setting `identity.jwks_url`.
    #[must_use]
    pub fn jwks(mut self, source: Arc<dyn JwksSource>) -> Self {
        self.jwks = Some(source);
        self
    }

    /// The platform's secret, instead of the setting `mesh_secret`.
    #[must_use]
    pub fn mesh(mut self, mesh: MeshSecret) -> Self {
        self.mesh = Some(mesh);
        self
    }
}
