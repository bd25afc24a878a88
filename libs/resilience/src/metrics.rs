//! What Prometheus sees of breakers, of instances that are left out, of hedges
//! and of answers that were replaced.

use std::fmt;
use std::sync::{Arc, LazyLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::living::Living;
use crate::{Dependency, DependencyReport, OutlierCause, State};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: Arc<str>,
    dependency: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    state: &'static str,
}

static REJECTED: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    shoal_telemetry::metrics::register(
        "shoal_breaker_rejected",
        "Calls that a breaker did not let through",
        Family::default(),
    )
});
static CHANGES: LazyLock<Family<StateLabels, Counter>> = LazyLock::new(|| {
    shoal_telemetry::metrics::register(
        "shoal_breaker_changes",
        "Changes of a breaker's state, by the state that it entered",
        Family::default(),
    )
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    cause: &'static str,
}

static EJECTIONS: LazyLock<Family<CauseLabels, Counter>> = LazyLock::new(|| {
    shoal_telemetry::metrics::register(
        "shoal_ejections",
        "Instances that were left out, by why",
        Family::default(),
    )
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HedgeLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    first: &'static str,
}

static HEDGES: LazyLock<Family<HedgeLabels, Counter>> = LazyLock::new(|| {
    shoal_telemetry::metrics::register(
        "shoal_hedges",
        "Calls that were sent to a second instance, by who answered first",
        Family::default(),
    )
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DegradedLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    method: String,
    how: &'static str,
}

static DEGRADED: LazyLock<Family<DegradedLabels, Counter>> = LazyLock::new(|| {
    shoal_telemetry::metrics::register(
        "shoal_degraded",
        "Answers that were replaced because a dependency was away",
        Family::default(),
    )
});

/// Counts an answer that was replaced.
pub(crate) fn degraded(dependency: &Dependency, method: &str, how: &'static str) {
    let labels = DegradedLabels {
        service: dependency.service().into(),
        dependency: dependency.name().into(),
        method: method.into(),
        how,
    };
    DEGRADED.get_or_create_owned(&labels).inc();
}

/// Counters of one dependency.
#[derive(Debug)]
pub(crate) struct Series {
    rejected: Counter,
    entered: [Counter; 3],
    left_out: [Counter; 4],
    hedges: [Counter; 2],
}

const STATES: [State; 3] = [State::Closed, State::HalfOpen, State::Open];

impl Series {
    pub(crate) fn new(service: &Arc<str>, dependency: &Arc<str>) -> Self {
        let labels = Labels {
            service: Arc::clone(service),
            dependency: Arc::clone(dependency),
        };
        let entered = STATES.map(|state| {
            CHANGES.get_or_create_owned(&StateLabels {
                service: Arc::clone(service),
                dependency: Arc::clone(dependency),
                state: state.as_str(),
            })
        });
        let left_out = OutlierCause::ALL.map(|cause| {
            EJECTIONS.get_or_create_owned(&CauseLabels {
                service: Arc::clone(service),
                dependency: Arc::clone(dependency),
                cause: cause.as_str(),
            })
        });
        Self {
            rejected: REJECTED.get_or_create_owned(&labels),
            entered,
            left_out,
            hedges: ["original", "hedge"].map(|first| {
                HEDGES.get_or_create_owned(&HedgeLabels {
                    service: Arc::clone(service),
                    dependency: Arc::clone(dependency),
                    first,
                })
            }),
        }
    }

    pub(crate) fn rejected(&self) {
        self.rejected.inc();
    }

    pub(crate) fn entered(&self, state: State) {
        self.entered[state as usize].inc();
    }

    pub(crate) fn hedged(&self, won: bool) {
        self.hedges[usize::from(won)].inc();
    }

    pub(crate) fn left_out(&self, cause: OutlierCause) {
        self.left_out[cause as usize].inc();
    }
}

/// Shows the dependency's gauges for as long as it lives.
pub(crate) fn collect(dependency: &Arc<Dependency>) {
    static ALL: LazyLock<Arc<Living<Dependency>>> = LazyLock::new(|| Living::shown_by(Shared));
    ALL.add(dependency);
}

#[derive(Debug)]
struct Shared(Arc<Living<Dependency>>);

type Read = fn(&DependencyReport) -> f64;

const GAUGES: [(&str, &str, Read); 6] = [
    (
        "shoal_breaker_state",
        "0 closed, 1 half open, 2 open",
        |one| f64::from(one.breaker.state as u8),
    ),
    (
        "shoal_breaker_error_rate",
        "Share of bad calls of the last minute",
        |one| one.breaker.error_rate,
    ),
    (
        "shoal_breaker_usual_error_rate",
        "Learned share of bad calls",
        |one| one.breaker.usual_error_rate,
    ),
    (
        "shoal_breaker_threshold",
        "Share of bad calls beyond which the breaker trips",
        |one| one.breaker.threshold,
    ),
    (
        "shoal_retry_budget_left",
        "Repeats that may be made now",
        |one| f64::from(one.retries_left),
    ),
    (
        "shoal_ejected_instances",
        "Instances that are left out now",
        |one| {
            one.instances
                .iter()
                .filter(|i| i.left_out.is_some())
                .count() as f64
        },
    ),
];

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let living = self.0.all();
        let reports: Vec<_> = living.iter().map(|one| (one, one.report())).collect();
        for (name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (one, report) in &reports {
                let labels = [("service", one.service()), ("dependency", one.name())];
                let gauge = ConstGauge::new(read(report));
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
