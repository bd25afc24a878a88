//! Figures about events.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use shoal_telemetry::metrics::register;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    service: String,
    consumer: String,
    kind: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByConsumer {
    service: String,
    consumer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByService {
    service: String,
    outcome: &'static str,
}

fn delay_buckets() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0,
    ])
}

static ATTEMPTS: LazyLock<Family<Delivered, Counter>> = LazyLock::new(|| {
    let help = "Attempts of consumers: handled, duplicate, failed, parked";
    register("shoal_event_attempts", help, Family::default())
});
type Delays = Family<ByConsumer, Histogram, fn() -> Histogram>;

static DELAY: LazyLock<Delays> = LazyLock::new(|| {
    let help = "Time from the recording of an event to the end of its handling";
    register(
        "shoal_event_delay_seconds",
        help,
        Family::new_with_constructor(delay_buckets as _),
    )
});
static LAG: LazyLock<Family<ByConsumer, Gauge>> = LazyLock::new(|| {
    let help = "Events in the streams that the consumer has not been given yet";
    register("shoal_event_lag", help, Family::default())
});
static RELAYED: LazyLock<Family<ByService, Counter>> = LazyLock::new(|| {
    let help = "Events handed to the bus by a relay: sent, failed, resent";
    register("shoal_events_relayed", help, Family::default())
});

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Handled,
    Duplicate,
    Failed,
    Parked,
}

pub(crate) fn attempt(service: &str, group: &str, kind: &str, outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Handled => "handled",
        Outcome::Duplicate => "duplicate",
        Outcome::Failed => "failed",
        Outcome::Parked => "parked",
    };
    let label = Delivered {
        service: service.to_owned(),
        consumer: group.to_owned(),
        kind: kind.to_owned(),
        outcome,
    };
    ATTEMPTS.get_or_create(&label).inc();
}

pub(crate) fn delay(service: &str, group: &str, millis: i64) {
    let label = ByConsumer {
        service: service.to_owned(),
        consumer: group.to_owned(),
    };
    let millis = u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
    DELAY
        .get_or_create(&label)
        .observe(f64::from(millis) / 1_000.0);
}

pub(crate) fn lag(service: &str, group: &str, events: usize) {
    let label = ByConsumer {
        service: service.to_owned(),
        consumer: group.to_owned(),
    };
    LAG.get_or_create(&label)
        .set(i64::try_from(events).unwrap_or(i64::MAX));
}

pub(crate) fn relayed(service: &str, outcome: &'static str, count: usize) {
    let label = ByService {
        service: service.to_owned(),
        outcome,
    };
    RELAYED.get_or_create(&label).inc_by(count as u64);
}
