//! What the layers and the operational endpoints of one service share.

use shoal_resilience::Admission;
use shoal_rpc::MeshSecret;

use crate::config::{ChassisConfig, HttpConfig};
use crate::identity::IdentityVerifier;

pub(crate) struct Shared {
    pub(crate) name: &'static str,
    /// Colour of this instance; none when it is stable.
    pub(crate) colour: Option<String>,
    pub(crate) limits: HttpConfig,
    pub(crate) verifier: IdentityVerifier,
    pub(crate) mesh: MeshSecret,
    pub(crate) admission: Admission,
}

impl Shared {
    pub(crate) fn new(
        name: &'static str,
        chassis: &ChassisConfig,
        verifier: IdentityVerifier,
        mesh: MeshSecret,
        admission: Admission,
    ) -> Self {
        Self {
            name,
            colour: chassis.instance.colour().map(str::to_owned),
            limits: chassis.http.clone(),
            verifier,
            mesh,
            admission,
        }
    }
}
