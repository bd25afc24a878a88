//! Settings of the registry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// An etcd cluster in which instances register themselves and find each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EtcdConfig {
    /// Members, e.g. `http://10.0.0.1:2379`. None: the lists under `services`
    /// are used.
    pub endpoints: Vec<String>,
    /// First part of all keys, so that platforms can share a cluster.
    pub prefix: String,
    /// Time after which a record ends whose instance is gone without a word,
    /// in seconds. Also how long a lost leadership may stand empty.
    #[schemars(range(min = 2, max = 600))]
    pub lease_s: u32,
    /// User of the cluster; empty when it asks for none.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// Time to open a connection to a member, in milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub connect_timeout_ms: u64,
    /// Time for a member to answer, in milliseconds; then the next one is asked.
    #[schemars(range(min = 10, max = 60_000))]
    pub request_timeout_ms: u64,
}

impl Default for EtcdConfig {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            prefix: "/services".to_owned(),
            lease_s: 10,
            user: String::new(),
            password: String::new(),
            connect_timeout_ms: 500,
            request_timeout_ms: 1_500,
        }
    }
}

impl EtcdConfig {
    /// Whether a cluster is named at all.
    pub fn is_used(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// # Errors
    /// The first setting that cannot be used.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for endpoint in &self.endpoints {
            let authority = endpoint.strip_prefix("http://");
            let usable = authority.is_some_and(|rest| {
                let rest = rest.strip_suffix('/').unwrap_or(rest);
                crate::config::is_address(rest)
            });
            if !usable {
                return Err(ConfigError::Endpoint(endpoint.clone()));
            }
        }
        let usable = self.prefix.starts_with('/') && !self.prefix.ends_with('/');
        if !usable {
            return Err(ConfigError::Prefix(self.prefix.clone()));
        }
        Ok(())
    }
}

/// Where the keys of one service stand.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(config: &EtcdConfig) -> Self {
        let prefix = config.prefix.clone();
        Self { prefix }
    }

    /// `/services/order/instances/`.
    pub(crate) fn instances(&self, service: &str) -> String {
        format!("{}/{service}/instances/", self.prefix)
    }

    /// `/services/order/leaders/relay/`.
    pub(crate) fn candidates(&self, service: &str, role: &str) -> String {
        format!("{}/{service}/leaders/{role}/", self.prefix)
    }
}
