//! How attempts end, for dashboards and alerts.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use shoal_telemetry::metrics::register;

use crate::delivery::Verdict;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    outcome: &'static str,
}

static ATTEMPTS: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    let help = "Calls to webhook endpoints: delivered, retry, dead";
    register("shoal_webhook_attempts", help, Family::default())
});

/// Counts an attempt that was settled.
pub(crate) fn attempted(service: &str, verdict: Verdict) {
    let labels = Labels {
        service: service.to_owned(),
        outcome: match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Retry(_) => "retry",
            Verdict::Dead | Verdict::Gone => "dead",
        },
    };
    ATTEMPTS.get_or_create(&labels).inc();
}
