//! Instances as a settings file lists them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EtcdConfig, Instance, InstanceState};

/// Where other services run: lists, or a registry that knows.
///
/// ```toml
/// [discovery.services]
/// billing = ["10.0.0.7:8082", { addr = "10.0.0.8:8082", weight = 50, version = "1.3.0" }]
///
/// # or
/// [discovery.etcd]
/// endpoints = ["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoveryConfig {
    /// Instances by service name, for a platform without a registry.
    pub services: BTreeMap<String, Vec<InstanceConfig>>,
    /// The registry; in place of `services` once it has endpoints.
    pub etcd: EtcdConfig,
}

/// One instance: `"host:port"`, or a table when more is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InstanceConfig {
    /// Its address, `host:port`.
    Address(String),
    /// All that can be said of it.
    Full(FullInstance),
}

/// An instance with more than its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullInstance {
    /// `host:port` that serves HTTP and gRPC.
    pub addr: String,
    /// Unique among the service's instances; the address when left out.
    #[serde(default)]
    pub id: Option<String>,
    /// Version of the service.
    #[serde(default)]
    pub version: String,
    /// What routing rules look at.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Share of the traffic; 100 when left out.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Whether it takes new work.
    #[serde(default)]
    pub state: InstanceState,
}

const fn default_weight() -> u32 {
    Instance::DEFAULT_WEIGHT
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not `host:port`.
    #[error("discovery.services.{service}: {addr:?} is not an address of the form host:port")]
    Address {
        /// Service under which it stands.
        service: String,
        /// The setting as given.
        addr: String,
    },
    /// Two instances with one id.
    #[error("discovery.services.{service}: two instances have the id {id:?}")]
    DuplicateId {
        /// Service under which they stand.
        service: String,
        /// The id they share.
        id: String,
    },
    /// Not the URL of a member of the cluster.
    #[error("discovery.etcd.endpoints: {0:?} is not of the form http://host:port")]
    Endpoint(String),
    /// Not the beginning of keys.
    #[error("discovery.etcd.prefix: {0:?} must begin with a slash and end without one")]
    Prefix(String),
}

impl DiscoveryConfig {
    /// Adds or replaces a service with one instance at `addr`.
    pub fn set(&mut self, service: impl Into<String>, addr: impl Into<String>) {
        self.services
            .insert(service.into(), vec![InstanceConfig::Address(addr.into())]);
    }

    /// The instances by service, checked.
    ///
    /// # Errors
    /// When an address is not `host:port` or an id stands twice, or when the
    /// registry's settings cannot be used.
    pub fn instances(&self) -> Result<BTreeMap<String, Vec<Instance>>, ConfigError> {
        self.etcd.check()?;
        let checked = self.services.iter().map(|(service, list)| {
            let mut ids = std::collections::BTreeSet::new();
            let list = list.iter().map(|entry| {
                let instance = Instance::from(entry.clone());
                check_address(service, &instance.addr)?;
                if !ids.insert(instance.id.clone()) {
                    let (service, id) = (service.clone(), instance.id);
                    return Err(ConfigError::DuplicateId { service, id });
                }
                Ok(instance)
            });
            Ok((service.clone(), list.collect::<Result<Vec<_>, _>>()?))
        });
        checked.collect()
    }
}

impl From<InstanceConfig> for Instance {
    fn from(config: InstanceConfig) -> Self {
        match config {
            InstanceConfig::Address(addr) => Self::at(addr),
            InstanceConfig::Full(full) => Self {
                id: full.id.unwrap_or_else(|| full.addr.clone()),
                addr: full.addr,
                version: full.version,
                labels: full.labels,
                weight: full.weight,
                state: full.state,
            },
        }
    }
}

fn check_address(service: &str, addr: &str) -> Result<(), ConfigError> {
    let error = || ConfigError::Address {
        service: service.to_owned(),
        addr: addr.to_owned(),
    };
    is_address(addr).then_some(()).ok_or_else(error)
}

/// Whether a text is `host:port`, with an IPv6 host in brackets.
pub(crate) fn is_address(addr: &str) -> bool {
    addr.rsplit_once(':').is_some_and(|(host, port)| {
        let host_ok = if host.starts_with('[') {
            addr.parse::<std::net::SocketAddr>().is_ok()
        } else {
            !host.is_empty() && !host.contains([':', '/', '@', ' '])
        };
        host_ok && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
