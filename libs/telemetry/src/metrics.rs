//! Prometheus metrics: one registry per process, every family with a `service`
//! label, since several services may share the process.
//!
//! A family's look-up (hash of the labels under a lock) is done once per route,
//! method or dependency; what the request path touches is a handle to the
//! series itself. `prometheus-client` and not the OTel metrics SDK: it is
//! smaller, its handles are plain atomics, and Prometheus is what reads them.

pub mod dependency;
pub(crate) mod export;
pub mod gray;
pub mod http;
pub mod rpc;
pub mod saturation;
mod series;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

pub use dependency::{Dependency, Outcome};
pub use gray::{ByVersion, Fallbacks};
pub use http::HttpMetrics;
pub use rpc::{RpcClientMetrics, RpcServerMetrics};
pub use saturation::{InUse, Saturation};

/// Content type of [`encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds of every duration histogram: 0.5 ms to 10 s, with
/// 85 ms among them, which the platform promises as P99.
pub const DURATION_BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.085, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The process's registry.
pub fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a metric or family to the registry and hands it back. Call it once per
/// name, e.g. from a `LazyLock`.
pub fn register<M: Metric + Clone>(name: &str, help: &str, metric: M) -> M {
    registry().register(name, help, metric.clone());
    metric
}

/// All metrics of the process as OpenMetrics text.
pub fn encode() -> String {
    let mut out = String::new();
    // Writing into a string fails only if a metric's own encoder does.
    if let Err(error) = text::encode(&mut out, &registry()) {
        tracing::error!(%error, "metrics could not be encoded");
        out.clear();
    }
    out
}

/// Like [`encode`], without what other services of the process own: what
/// `/metrics` of one service answers, so that nothing is scraped twice.
pub fn encode_for(service: &str) -> String {
    let own = format!("service=\"{service}\"");
    let mut out = String::new();
    for line in encode().lines() {
        if line.starts_with('#') || line.contains(&own) || !line.contains("service=\"") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
