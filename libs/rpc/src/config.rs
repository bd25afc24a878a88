//! Settings of the two stacks.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_resilience::{Admission, AdmissionSettings, Dependencies, ResilienceSettings};

use crate::MeshSecret;

/// Settings of the server stack, as a settings file has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RpcServerSettings {
    /// Time that a call gets whose caller names no deadline, in milliseconds.
    pub timeout_ms: u64,
    /// Most time that any call gets, in milliseconds, whatever its caller asks.
    pub max_timeout_ms: u64,
    /// Calls served at once, answers that are still being streamed included;
    /// more are refused. `admission` decides among those that are worked on.
    pub max_in_flight: usize,
}

impl Default for RpcServerSettings {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            max_timeout_ms: 60_000,
            max_in_flight: 1_024,
        }
    }
}

/// What the server stack of one service needs.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Name of the service, as its spans and metrics bear it.
    pub service: String,
    /// What a caller must show.
    pub mesh_secret: MeshSecret,
    /// Colour of this instance, as its spans bear it; none when it is stable.
    pub colour: Option<String>,
    /// The rest.
    pub settings: RpcServerSettings,
    /// Who is let in.
    pub admission: Admission,
}

impl ServerConfig {
    /// Default settings for `service`, with a door of its own.
    pub fn new(service: impl Into<String>, mesh_secret: MeshSecret) -> Self {
        let service = service.into();
        let admission = AdmissionSettings::default();
        Self {
            admission: Admission::new(&service, admission, &[], shoal_task::system_clock()),
            service,
            mesh_secret,
            colour: None,
            settings: RpcServerSettings::default(),
        }
    }
}

/// How the next instance is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The less busy one of two drawn at random by weight.
    #[default]
    LeastLoaded,
    /// One after the other, by weight.
    RoundRobin,
}

/// Settings of the calls to one other service, as a settings file has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RpcClientSettings {
    /// Time that a call gets when whoever made it has no deadline, in
    /// milliseconds.
    pub timeout_ms: u64,
    /// Time to open a connection, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Pause after which an open connection is probed, in milliseconds.
    pub keep_alive_ms: u64,
    /// Calls under way at once; more wait.
    pub max_in_flight: usize,
    /// Calls that wait at once; more are refused.
    pub max_waiting: usize,
    /// Attempts after the first, for calls that may be repeated.
    pub retries: u32,
    /// Pause before the first further attempt, in milliseconds; doubles with
    /// each, and each is shortened at random by up to half.
    pub backoff_ms: u64,
    /// Longest such pause, in milliseconds.
    pub max_backoff_ms: u64,
    /// How the instance is chosen.
    pub balance: Balance,
    /// Connections per instance. One carries many calls; more help when a
    /// single one keeps a core busy.
    pub connections: usize,
}

impl Default for RpcClientSettings {
    fn default() -> Self {
        Self {
            timeout_ms: 5_000,
            connect_timeout_ms: 1_000,
            keep_alive_ms: 20_000,
            max_in_flight: 1_024,
            max_waiting: 1_024,
            retries: 2,
            backoff_ms: 20,
            max_backoff_ms: 500,
            balance: Balance::default(),
            connections: 1,
        }
    }
}

impl RpcClientSettings {
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// What the client stack of one service needs.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Name of the service that calls.
    pub caller: String,
    /// What it shows to the callee.
    pub mesh_secret: MeshSecret,
    /// The rest.
    pub settings: RpcClientSettings,
    /// Breakers and retry budgets of the calling service.
    pub dependencies: Dependencies,
    /// Decides the balancer's draws; a test that must repeat sets it.
    pub seed: Option<u64>,
}

impl ClientConfig {
    /// Default settings for calls that `caller` makes.
    pub fn new(caller: impl Into<String>, mesh_secret: MeshSecret) -> Self {
        let caller = caller.into();
        let resilience = ResilienceSettings::default();
        Self {
            dependencies: Dependencies::new(&caller, resilience, shoal_task::system_clock()),
            caller,
            mesh_secret,
            settings: RpcClientSettings::default(),
            seed: None,
        }
    }
}
