//! Figures about streams. Deliveries are measured as a queue, mail servers and
//! SQL as dependencies.

use std::sync::LazyLock;

use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::register;

static STREAMS: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "Live inbox streams that are open";
    register("shoal_notification_streams", help, Gauge::default())
});

/// Counts a stream that was opened.
pub(crate) fn stream_opened() {
    STREAMS.inc();
}

/// Counts a stream that was closed.
pub(crate) fn stream_closed() {
    STREAMS.dec();
}
