//! What the layers and the operational endpoints of one service share.

use shoal_rpc::MeshSecret;
use shoal_telemetry::metrics::Saturation;
use tokio::sync::Semaphore;

use crate::config::HttpConfig;
use crate::identity::IdentityVerifier;

pub(crate) struct Shared {
    pub(crate) name: &'static str,
    pub(crate) limits: HttpConfig,
    pub(crate) verifier: IdentityVerifier,
    pub(crate) mesh: MeshSecret,
    pub(crate) in_flight: Semaphore,
    pub(crate) saturation: Saturation,
}

impl Shared {
    pub(crate) fn new(
        name: &'static str,
        limits: HttpConfig,
        verifier: IdentityVerifier,
        mesh: MeshSecret,
    ) -> Self {
        let places = limits.max_in_flight;
        let in_flight = Semaphore::new(places);
        let saturation = Saturation::new(name, "limit", "http_in_flight", places);
        Self {
            name,
            limits,
            verifier,
            mesh,
            in_flight,
            saturation,
        }
    }
}
