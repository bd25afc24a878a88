//! What Prometheus sees of admission.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use shoal_context::Class;
use shoal_telemetry::metrics::{DURATION_BUCKETS, register};

use super::gate::Inner;
use super::refusal::Why;
use crate::living::Living;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    service: Arc<str>,
    class: &'static str,
    reason: &'static str,
}

static REFUSED: LazyLock<Family<RefusedLabels, Counter>> = LazyLock::new(|| {
    let help = "Requests that were not begun, by class and reason";
    register("shoal_admission_refused", help, Family::default())
});
type Waits = Family<Labels, Histogram, fn() -> Histogram>;

static WAITED: LazyLock<Waits> = LazyLock::new(|| {
    let help = "Time for which requests waited for a place, of those that had to";
    let make: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
    register(
        "shoal_admission_wait_seconds",
        help,
        Family::new_with_constructor(make),
    )
});

/// Counters of one service.
#[derive(Debug)]
pub(crate) struct Series {
    refused: [[Counter; 4]; 3],
    waited: Histogram,
}

impl Series {
    pub(crate) fn new(service: &Arc<str>) -> Self {
        let counter = |class: Class, why: Why| {
            REFUSED.get_or_create_owned(&RefusedLabels {
                service: Arc::clone(service),
                class: class.as_str(),
                reason: why.as_str(),
            })
        };
        let labels = Labels {
            service: Arc::clone(service),
        };
        Self {
            refused: Class::ALL.map(|class| Why::ALL.map(|why| counter(class, why))),
            waited: WAITED.get_or_create_owned(&labels),
        }
    }

    pub(crate) fn refused(&self, class: Class, why: Why) {
        self.refused[class as usize][why as usize].inc();
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.waited.observe(time.as_secs_f64());
    }
}

/// Shows the gauges for as long as the admission lives.
pub(crate) fn collect(inner: &Arc<Inner>) {
    static ALL: LazyLock<Arc<Living<Inner>>> = LazyLock::new(|| Living::shown_by(Shared));
    ALL.add(inner);
}

#[derive(Debug)]
struct Shared(Arc<Living<Inner>>);

type Read = fn(&Inner) -> f64;

const GAUGES: [(&str, &str, Read); 4] = [
    (
        "shoal_admission_limit",
        "Requests handled at once at most",
        |one| f64::from(one.limiter.limit()),
    ),
    (
        "shoal_admission_waiting",
        "Requests that wait for a place",
        |one| f64::from(one.waiting()),
    ),
    (
        "shoal_admission_inflation",
        "How many times the usual time requests take",
        |one| one.limiter.inflation(),
    ),
    (
        "shoal_admission_pressure",
        "Requests that come for each that is served",
        |one| one.limiter.pressure(),
    ),
];

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let living = self.0.all();
        for (name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for one in &living {
                let labels = [("service", one.service())];
                ConstGauge::new(read(one)).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Requests handled now, by class";
        let name = "shoal_admission_in_flight";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for one in &living {
            for (class, count) in Class::ALL.into_iter().zip(one.limiter.in_flight()) {
                let labels = [("service", one.service()), ("class", class.as_str())];
                ConstGauge::new(f64::from(count)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
