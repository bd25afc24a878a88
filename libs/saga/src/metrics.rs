//! What can be seen of sagas from outside.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use shoal_telemetry::metrics::{DURATION_BUCKETS, register};

use crate::log::direction_name;
use crate::machine::{Direction, Phase};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SagaLabels {
    service: Arc<str>,
    saga: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    service: Arc<str>,
    saga: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    service: Arc<str>,
    saga: &'static str,
    step: &'static str,
    direction: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CompensationLabels {
    service: Arc<str>,
    saga: &'static str,
    step: &'static str,
}

/// Makes histograms with the platform's buckets.
#[derive(Clone, Copy, Debug)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATION_BUCKETS)
    }
}

static ENDED: LazyLock<Family<EndLabels, Histogram, Durations>> = LazyLock::new(|| {
    register(
        "shoal_saga_duration_seconds",
        "Time from the start of a saga to its end or until it was parked, by outcome",
        Family::new_with_constructor(Durations),
    )
});
static ATTEMPTS: LazyLock<Family<StepLabels, Counter>> = LazyLock::new(|| {
    register(
        "shoal_saga_attempts",
        "Attempts of steps and compensations",
        Family::default(),
    )
});
static COMPENSATION_FAILED: LazyLock<Family<CompensationLabels, Counter>> = LazyLock::new(|| {
    register(
        "shoal_saga_compensation_failures",
        "Compensations given up and parked for a person; alert above 5 per minute",
        Family::default(),
    )
});
static SLOW: LazyLock<Family<SagaLabels, Counter>> = LazyLock::new(|| {
    register(
        "shoal_saga_slow",
        "Sagas that took longer than allowed",
        Family::default(),
    )
});
static RESUMED: LazyLock<Family<SagaLabels, Counter>> = LazyLock::new(|| {
    register(
        "shoal_saga_resumed",
        "Sagas taken over from an owner that is gone",
        Family::default(),
    )
});

/// Metrics of the sagas of one service.
#[derive(Clone, Debug)]
pub(crate) struct SagaMetrics {
    service: Arc<str>,
}

impl SagaMetrics {
    pub(crate) fn new(service: &str) -> Self {
        Self {
            service: service.into(),
        }
    }

    pub(crate) fn ended(&self, saga: &'static str, phase: Phase, took: Duration) {
        let labels = EndLabels {
            service: self.service.clone(),
            saga,
            outcome: outcome_name(phase),
        };
        ENDED.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn attempt(
        &self,
        saga: &'static str,
        step: &'static str,
        direction: Direction,
        outcome: &'static str,
    ) {
        let direction = direction_name(direction);
        let service = self.service.clone();
        ATTEMPTS
            .get_or_create(&StepLabels {
                service,
                saga,
                step,
                direction,
                outcome,
            })
            .inc();
    }

    /// Makes the counter of failed compensations stand at zero, so that an alert
    /// sees the first one.
    pub(crate) fn begin(&self, saga: &'static str, step: &'static str) {
        let labels = CompensationLabels {
            service: self.service.clone(),
            saga,
            step,
        };
        drop(COMPENSATION_FAILED.get_or_create(&labels));
    }

    pub(crate) fn compensation_failed(&self, saga: &'static str, step: &'static str) {
        let labels = CompensationLabels {
            service: self.service.clone(),
            saga,
            step,
        };
        COMPENSATION_FAILED.get_or_create(&labels).inc();
    }

    pub(crate) fn slow(&self, saga: &'static str) {
        SLOW.get_or_create(&SagaLabels {
            service: self.service.clone(),
            saga,
        })
        .inc();
    }

    pub(crate) fn resumed(&self, saga: &'static str) {
        RESUMED
            .get_or_create(&SagaLabels {
                service: self.service.clone(),
                saga,
            })
            .inc();
    }
}

pub(crate) fn outcome_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Active(_) => "active",
        Phase::Completed => "completed",
        Phase::Undone => "undone",
        Phase::Parked(_) => "parked",
    }
}
