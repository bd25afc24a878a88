//! Figures about deliveries and streams. Mail servers and SQL are measured as
//! dependencies; what an alert needs besides is how attempts end.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::register;

use crate::domain::delivery::Verdict;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    channel: String,
    outcome: &'static str,
}

static ATTEMPTS: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    let help = "Attempts to deliver a notification: delivered, retry, dead";
    register("shoal_notification_attempts", help, Family::default())
});
static STREAMS: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "Live inbox streams that are open";
    register("shoal_notification_streams", help, Gauge::default())
});

/// Counts an attempt that was settled.
pub(crate) fn attempted(channel: &str, verdict: &Verdict) {
    let labels = Labels {
        channel: channel.to_owned(),
        outcome: match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Retry { .. } => "retry",
            Verdict::Dead { .. } => "dead",
        },
    };
    ATTEMPTS.get_or_create(&labels).inc();
}

/// Counts a stream that was opened.
pub(crate) fn stream_opened() {
    STREAMS.inc();
}

/// Counts a stream that was closed.
pub(crate) fn stream_closed() {
    STREAMS.dec();
}
