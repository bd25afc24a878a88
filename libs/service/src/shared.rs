//! What the layers and the operational endpoints of one service share.

use shoal_rpc::MeshSecret;
use shoal_telemetry::metrics::Saturation;
use tokio::sync::Semaphore;

use crate::config::{ChassisConfig, HttpConfig};
use crate::identity::IdentityVerifier;

pub(crate) struct Shared {
    pub(crate) name: &'static str,
    /// Colour of this instance; none when it is stable.
    pub(crate) colour: Option<String>,
    pub(crate) limits: HttpConfig,
    pub(crate) verifier: IdentityVerifier,
    pub(crate) mesh: MeshSecret,
    pub(crate) in_flight: Semaphore,
    pub(crate) saturation: Saturation,
}

impl Shared {
    pub(crate) fn new(
        name: &'static str,
        chassis: &ChassisConfig,
        verifier: IdentityVerifier,
        mesh: MeshSecret,
    ) -> Self {
        let limits = chassis.http.clone();
        let places = limits.max_in_flight;
        let in_flight = Semaphore::new(places);
        let saturation = Saturation::new(name, "limit", "http_in_flight", places);
        Self {
            name,
            colour: chassis.instance.colour().map(str::to_owned),
            limits,
            verifier,
            mesh,
            in_flight,
            saturation,
        }
    }
}
