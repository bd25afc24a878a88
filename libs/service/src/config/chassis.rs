//! The settings that every service has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_bus::BusConfig;
use shoal_discovery::{DiscoveryConfig, Instance, InstanceState};
use shoal_resilience::{AdmissionSettings, ResilienceSettings};
use shoal_routing::GRAY_LABEL;
use shoal_rpc::{RpcClientSettings, RpcServerSettings};
use shoal_store::DatabaseConfig;
use shoal_telemetry::TelemetryConfig;

/// Settings of the chassis; a module's own keys stand beside them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChassisConfig {
    /// Address on which HTTP and gRPC are served. Port 0 takes a free one.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Folder of everything that the service keeps on disk.
    pub data_dir: PathBuf,
    /// Where data is kept. Empty `url`: `<data_dir>/<service>.db`.
    pub database: DatabaseConfig,
    /// How events travel between services.
    pub bus: BusConfig,
    /// Logs and traces. In one process with several services, the first one's
    /// settings (or those of the program around them) count.
    pub telemetry: TelemetryConfig,
    /// Limits of the port and of HTTP requests.
    pub http: HttpConfig,
    /// Calls between services over gRPC.
    pub rpc: RpcConfig,
    /// How many requests are handled at once, who waits, and who is refused.
    pub admission: AdmissionSettings,
    /// When calls to a dependency are stopped, and how many are repeated.
    pub resilience: ResilienceSettings,
    /// Which access tokens are believed.
    pub identity: IdentityConfig,
    /// Secret that services of one platform show each other over gRPC. Empty:
    /// made on first use and kept in `<data_dir>/mesh.key`.
    pub mesh_secret: String,
    /// Where the services are that this one calls.
    pub discovery: DiscoveryConfig,
    /// What this instance says of itself where others look for it.
    pub instance: OwnInstance,
    /// How long each part of the shutdown may take.
    pub shutdown: ShutdownConfig,
}

impl ChassisConfig {
    /// The address that a module listens on unless told otherwise.
    pub(crate) fn loopback(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }
}

impl Default for ChassisConfig {
    fn default() -> Self {
        Self {
            listen: Self::loopback(0),
            data_dir: PathBuf::from(".shoal"),
            database: DatabaseConfig::at(""),
            bus: BusConfig::default(),
            telemetry: TelemetryConfig::default(),
            http: HttpConfig::default(),
            rpc: RpcConfig::default(),
            admission: AdmissionSettings::default(),
            resilience: ResilienceSettings::default(),
            identity: IdentityConfig::default(),
            mesh_secret: String::new(),
            discovery: DiscoveryConfig::default(),
            instance: OwnInstance::default(),
            shutdown: ShutdownConfig::default(),
        }
    }
}

/// What this instance says of itself where others look for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OwnInstance {
    /// `host:port` at which others reach it. Empty: the address that it listens
    /// on, which must not be a wildcard then.
    pub advertise: String,
    /// Unique among the service's instances. Empty: the address, so that a
    /// restart in place takes over the record of the life before.
    pub id: String,
    /// What routing rules look at, e.g. `zone = "b"`. `gray` names its colour,
    /// e.g. `v2`: it then serves requests of that colour only, and leaves
    /// abandoned work of others to stable instances.
    pub labels: BTreeMap<String, String>,
    /// Share of the traffic relative to the other instances; 0 takes none.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: u32,
}

impl OwnInstance {
    /// Its colour; none when it is stable.
    pub fn colour(&self) -> Option<&str> {
        self.labels.get(GRAY_LABEL).map(String::as_str)
    }

    /// The record of an instance of `version` that listens on `addr`.
    pub(crate) fn describe(&self, version: &str, addr: SocketAddr) -> Instance {
        let addr = match self.advertise.as_str() {
            "" => addr.to_string(),
            advertised => advertised.to_owned(),
        };
        let id = match self.id.as_str() {
            "" => addr.clone(),
            id => id.to_owned(),
        };
        Instance {
            id,
            addr,
            version: version.to_owned(),
            labels: self.labels.clone(),
            weight: self.weight,
            state: InstanceState::Serving,
        }
    }
}

impl Default for OwnInstance {
    fn default() -> Self {
        Self {
            advertise: String::new(),
            id: String::new(),
            labels: BTreeMap::new(),
            weight: Instance::DEFAULT_WEIGHT,
        }
    }
}

/// Calls between services over gRPC.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RpcConfig {
    /// Calls that this service answers.
    pub server: RpcServerSettings,
    /// Calls that this service makes.
    pub client: RpcClientSettings,
}

/// Limits of the port and of HTTP requests.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Connections open at once; further ones wait in the kernel's queue.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Time for a connection to send a whole request head, in milliseconds;
    /// also the longest that an idle HTTP/1 connection is kept.
    #[schemars(range(min = 10, max = 600_000))]
    pub header_read_timeout_ms: u64,
    /// Size of a request head, in bytes.
    #[schemars(range(min = 8_192, max = 1_048_576))]
    pub max_header_bytes: usize,
    /// Concurrent streams of one HTTP/2 connection.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_streams: u32,
    /// Size of a request body, in bytes.
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub max_body_bytes: usize,
    /// Deadline of a request that names none, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub request_timeout_ms: u64,
    /// Longest deadline that a client may ask for, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub max_request_timeout_ms: u64,
    /// Requests handled at once at most, HTTP and gRPC together: bounds
    /// `admission.max_limit` at the start.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: usize,
}

impl HttpConfig {
    pub(crate) fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_connections: 4_096,
            header_read_timeout_ms: 30_000,
            max_header_bytes: 32 * 1024,
            max_streams: 256,
            max_body_bytes: 1024 * 1024,
            request_timeout_ms: 10_000,
            max_request_timeout_ms: 60_000,
            max_in_flight: 1_024,
        }
    }
}

/// Which access tokens are believed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Who issues tokens; compared with `iss`.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// For whom tokens are issued; must be among `aud`.
    #[schemars(length(min = 1))]
    pub audience: String,
    /// Where the issuer publishes its public keys.
    #[schemars(length(min = 1))]
    pub jwks_url: String,
    /// How far the issuer's clock may differ from ours, in seconds.
    #[schemars(range(min = 0, max = 600))]
    pub clock_skew_s: u64,
    /// Age at which the keys are fetched again, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub refresh_s: u64,
    /// Least time between two fetches that unknown key ids cause, in
    /// milliseconds, so that forged tokens cannot flood the issuer.
    #[schemars(range(min = 0, max = 600_000))]
    pub min_refresh_ms: u64,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            issuer: "http://127.0.0.1:8080".to_owned(),
            audience: "shoal".to_owned(),
            jwks_url: "http://127.0.0.1:8081/.well-known/jwks.json".to_owned(),
            clock_skew_s: 30,
            refresh_s: 300,
            min_refresh_ms: 5_000,
        }
    }
}

/// How long each part of the shutdown may take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Time between reporting "not ready" and closing the port, in
    /// milliseconds, so that balancers look away first.
    #[schemars(range(min = 0, max = 600_000))]
    pub linger_ms: u64,
    /// Time for telling the registry that the service drains, and at the end
    /// that it is gone, in milliseconds each. Nothing without a registry.
    #[schemars(range(min = 0, max = 600_000))]
    pub registry_ms: u64,
    /// Time for requests in flight, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub requests_ms: u64,
    /// Time for event consumers and the outbox relay, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub consumers_ms: u64,
    /// Time for the module's own background tasks, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub tasks_ms: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            linger_ms: 0,
            registry_ms: 2_000,
            requests_ms: 10_000,
            consumers_ms: 5_000,
            tasks_ms: 5_000,
        }
    }
}
