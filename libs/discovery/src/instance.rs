//! One running copy of a service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether an instance takes new work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// It takes work.
    #[default]
    Serving,
    /// It finishes what it has and takes nothing new.
    Draining,
}

/// One running copy of a service, as the registry describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Unique among the instances of the service.
    pub id: String,
    /// `host:port` that serves HTTP and gRPC.
    pub addr: String,
    /// Version of the service, e.g. `1.4.2`.
    pub version: String,
    /// What routing rules look at, e.g. `gray = v2` or `zone = b`.
    pub labels: BTreeMap<String, String>,
    /// Share of the traffic relative to the other instances; 0 takes none.
    pub weight: u32,
    /// Whether it takes new work.
    pub state: InstanceState,
}

impl Instance {
    /// Weight of an instance that says nothing of its own.
    pub const DEFAULT_WEIGHT: u32 = 100;

    /// A serving instance whose id is its address.
    pub fn at(addr: impl Into<String>) -> Self {
        let addr = addr.into();
        Self {
            id: addr.clone(),
            addr,
            version: String::new(),
            labels: BTreeMap::new(),
            weight: Self::DEFAULT_WEIGHT,
            state: InstanceState::Serving,
        }
    }

    /// Whether a balancer may send it new work.
    pub fn takes_work(&self) -> bool {
        self.state == InstanceState::Serving && self.weight > 0
    }
}
