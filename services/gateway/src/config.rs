//! Settings of the gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_routing::rollback::RollbackSettings;

/// Settings of the gateway.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Which paths go to which service. The longest prefix wins.
    pub routes: Vec<RouteConfig>,
    /// How much one caller may ask for.
    pub rate_limit: RateLimitConfig,
    /// Which web pages may call from a browser.
    pub cors: CorsConfig,
    /// How services are called.
    pub upstream: UpstreamConfig,
    /// The documentation under `/docs`.
    pub docs: DocsConfig,
    /// Which requests get a colour.
    pub gray: GrayConfig,
    /// Serves finished traces under `/debug/traces/{id}`. For development;
    /// traces name paths and ids.
    pub trace_view: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let to = |prefix: &str, service: &str, check_tokens| RouteConfig {
            prefix: prefix.to_owned(),
            service: service.to_owned(),
            check_tokens,
        };
        Self {
            routes: vec![
                to("/.well-known", "auth", false),
                to("/auth", "auth", false),
                to("/billing", "billing", true),
                to("/notification", "notification", true),
                to("/order", "order", true),
            ],
            rate_limit: RateLimitConfig::default(),
            cors: CorsConfig::default(),
            upstream: UpstreamConfig::default(),
            docs: DocsConfig::default(),
            gray: GrayConfig::default(),
            trace_view: false,
        }
    }
}

/// Paths that go to one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Whole leading segments of the path, e.g. `/order`. Nothing is stripped.
    #[schemars(length(min = 1))]
    pub prefix: String,
    /// Name of the service.
    #[schemars(length(min = 1))]
    pub service: String,
    /// Answers 401 to a bad token before the service sees it. Off for the
    /// service that renews tokens: a client may come there with a stale one.
    #[serde(default = "yes")]
    pub check_tokens: bool,
}

fn yes() -> bool {
    true
}

/// How much one caller may ask for: a bucket that refills steadily.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests per second of one authenticated caller.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_user: u32,
    /// Requests per second of one address without a token.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_address: u32,
    /// Requests that may come at once, as seconds of the steady rate.
    #[schemars(range(min = 1, max = 60))]
    pub burst_s: u32,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            per_user: 500,
            per_address: 200,
            burst_s: 2,
        }
    }
}

/// Which web pages may call from a browser.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins, e.g. `https://shop.example`. Empty: none but the same origin.
    pub allowed_origins: Vec<String>,
    /// How long a browser may remember the answer, in seconds.
    #[schemars(range(min = 0, max = 86_400))]
    pub max_age_s: u64,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            max_age_s: 600,
        }
    }
}

/// How services are called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Time to open a connection, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub connect_timeout_ms: u64,
    /// Share of the requests that the gateway handles at once (`admission`) which
    /// may be under way to one service; more wait for a moment and are then
    /// refused with 503, so that a service that hangs does not take the places of
    /// the others.
    /// `resilience.dependencies.NAME.bulkhead` bounds one further.
    #[schemars(range(min = 0.05, max = 1.0))]
    pub max_share: f64,
    /// Idle connections kept per instance.
    #[schemars(range(min = 0, max = 10_000))]
    pub max_idle: usize,
    /// How long an idle connection is kept, in milliseconds. Less than the
    /// services' own limit, so that the gateway closes first.
    #[schemars(range(min = 1, max = 600_000))]
    pub idle_timeout_ms: u64,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 1_000,
            max_share: 0.75,
            max_idle: 256,
            idle_timeout_ms: 20_000,
        }
    }
}

/// The documentation under `/docs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DocsConfig {
    /// Folder of the built site. Empty: a page that says how to build it.
    pub dir: String,
}

/// Which requests get a colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrayConfig {
    /// TOML file with the rules. Empty: `<data_dir>/gray/rules.toml`, which need
    /// not be there.
    pub rules_file: String,
    /// How often the file is looked at, in milliseconds. A change counts once two
    /// looks running saw the same.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub reload_ms: u64,
    /// When a rule is paused by itself.
    pub rollback: RollbackSettings,
}

impl Default for GrayConfig {
    fn default() -> Self {
        Self {
            rules_file: String::new(),
            reload_ms: 1_000,
            rollback: RollbackSettings::default(),
        }
    }
}
