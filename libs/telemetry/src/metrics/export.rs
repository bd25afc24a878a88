//! What becomes of finished spans. Those that are neither sent nor failed were
//! dropped from a full queue, or are still in it.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// A step in a span's way to the collector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// It ended and was queued for export.
    Ended,
    /// The collector took it.
    Sent,
    /// The collector refused it or was not there.
    Failed,
}

pub(crate) fn record_export(outcome: Outcome, spans: u64) {
    COUNTERS[outcome as usize].inc_by(spans);
}

static COUNTERS: LazyLock<[Counter; 3]> = LazyLock::new(|| {
    let family: Family<Labels, Counter> = super::register(
        "shoal_telemetry_spans",
        "Finished spans on their way to the collector",
        Family::default(),
    );
    ["ended", "sent", "failed"].map(|outcome| family.get_or_create_owned(&Labels { outcome }))
});
