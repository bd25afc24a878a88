//! Figures of all queues under the same names, for one set of alerts.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::register;

use crate::letter::QueueStats;
use crate::work::Verdict;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcomes {
    service: String,
    queue: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reasons {
    service: String,
    queue: String,
    reason: &'static str,
}

static DEPTH: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    let help = "Work that waits in the queue or is under way";
    register("shoal_queue_depth", help, Family::default())
});
static OVERDUE: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    let help = "Milliseconds since the longest waiting piece of work has been due";
    register("shoal_queue_overdue_milliseconds", help, Family::default())
});
static DEAD: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    let help = "Dead letters that wait for a person";
    register("shoal_queue_dead_letters", help, Family::default())
});
static ATTEMPTS: LazyLock<Family<Outcomes, Counter>> = LazyLock::new(|| {
    let help = "Attempts that ended: done, retry, dead";
    register("shoal_queue_attempts", help, Family::default())
});
static DIED: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    let help = "Work that became a dead letter";
    register("shoal_queue_died", help, Family::default())
});
static REDRIVEN: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    let help = "Dead letters that were queued again";
    register("shoal_queue_redriven", help, Family::default())
});
static DROPPED: LazyLock<Family<Reasons, Counter>> = LazyLock::new(|| {
    let help = "Work that will never be done: discarded by a person, or for the reason named";
    register("shoal_queue_dropped", help, Family::default())
});

/// Reason of what a person discarded.
pub(crate) const DISCARDED: &str = "discarded";

fn labels(service: &str, queue: &str) -> Labels {
    Labels {
        service: service.to_owned(),
        queue: queue.to_owned(),
    }
}

/// Makes the counters of a queue stand at zero: a counter that is born with its
/// first event hides that event from `increase()`.
pub(crate) fn begin(service: &str, queue: &str) {
    died(service, queue, 0);
    redriven(service, queue, 0);
    dropped(service, queue, DISCARDED, 0);
}

/// The same for those of a queue that runs in a [`crate::Worker`].
pub(crate) fn begin_attempts(service: &str, queue: &str) {
    for outcome in ["done", "retry", "dead"] {
        drop(ATTEMPTS.get_or_create(&outcomes(service, queue, outcome)));
    }
}

fn outcomes(service: &str, queue: &str, outcome: &'static str) -> Outcomes {
    Outcomes {
        service: service.to_owned(),
        queue: queue.to_owned(),
        outcome,
    }
}

pub(crate) fn attempted(service: &str, queue: &str, verdict: &Verdict) {
    let outcome = match verdict {
        Verdict::Done => "done",
        Verdict::Retry { .. } => "retry",
        Verdict::Dead { .. } => "dead",
    };
    ATTEMPTS
        .get_or_create(&outcomes(service, queue, outcome))
        .inc();
    if matches!(verdict, Verdict::Dead { .. }) {
        died(service, queue, 1);
    }
}

pub(crate) fn stands(service: &str, queue: &str, stats: &QueueStats) {
    let labels = labels(service, queue);
    DEPTH.get_or_create(&labels).set(stats.depth);
    OVERDUE.get_or_create(&labels).set(stats.overdue_ms);
    DEAD.get_or_create(&labels).set(stats.dead);
}

/// Counts work that became dead letters; for queues that do not run in a
/// [`crate::Worker`].
pub fn died(service: &str, queue: &str, count: u64) {
    DIED.get_or_create(&labels(service, queue)).inc_by(count);
}

/// Counts dead letters that were queued again.
pub fn redriven(service: &str, queue: &str, count: u64) {
    REDRIVEN
        .get_or_create(&labels(service, queue))
        .inc_by(count);
}

/// Counts work that will never be done. Whoever drops work must call this; an
/// alert watches it. `reason` is a stable word.
pub fn dropped(service: &str, queue: &str, reason: &'static str, count: u64) {
    let labels = Reasons {
        service: service.to_owned(),
        queue: queue.to_owned(),
        reason,
    };
    DROPPED.get_or_create(&labels).inc_by(count);
}
