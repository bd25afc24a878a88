//! Traffic by colour: rate, errors and duration of each, and how often a
//! colour had no instance.
//!
//! Colours come from rules that people write, so there are few; should somebody
//! write many, those beyond the first sixteen share the series `other`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::http::{CLASSES, class_index};
use super::series::{ByName, ByOutcome, Durations, series};

const MAX_COLOURS: usize = 16;
/// Label of requests without a colour.
const STABLE: &str = "stable";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FallbackLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    gray_version: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    service: Arc<str>,
    upstream: Arc<str>,
    gray_version: Arc<str>,
    status: &'static str,
}

static FALLBACKS: LazyLock<Family<FallbackLabels, Counter>> = LazyLock::new(|| {
    super::register(
        "shoal_gray_fallbacks",
        "Requests of a colour that a stable instance served, as no coloured one could",
        Family::default(),
    )
});
static DURATIONS: LazyLock<Family<VersionLabels, Histogram, Durations>> = LazyLock::new(|| {
    super::register(
        "shoal_gray_duration_seconds",
        "Time to the answer's head of requests that were passed on, by their colour and status class",
        Family::new_with_constructor(Durations),
    )
});

/// Counts requests of a colour that fell back to stable instances of one
/// dependency. Make it once and keep it.
#[derive(Debug)]
pub struct Fallbacks {
    service: Arc<str>,
    dependency: Arc<str>,
    colours: ByName<Counter>,
}

impl Fallbacks {
    /// Fallbacks of `service` in its calls to `dependency`.
    pub fn new(service: &str, dependency: &str) -> Self {
        Self {
            service: service.into(),
            dependency: dependency.into(),
            colours: ByName::bounded(MAX_COLOURS),
        }
    }

    /// Counts one request of `colour`.
    pub fn count(&self, colour: &str) {
        let counter = self.colours.get(colour, |colour| {
            let labels = FallbackLabels {
                service: self.service.clone(),
                dependency: self.dependency.clone(),
                gray_version: colour.into(),
            };
            series(&FALLBACKS, &labels)
        });
        counter.inc();
    }
}

/// Requests that one service passes on to another, by colour. Make it once and
/// keep it.
#[derive(Debug)]
pub struct ByVersion {
    service: Arc<str>,
    upstream: Arc<str>,
    versions: ByName<Version>,
}

#[derive(Debug)]
struct Version {
    name: Arc<str>,
    by: ByOutcome<{ CLASSES.len() }>,
}

impl ByVersion {
    /// Requests that `service` passes on to `upstream`.
    pub fn new(service: &str, upstream: &str) -> Self {
        Self {
            service: service.into(),
            upstream: upstream.into(),
            versions: ByName::bounded(MAX_COLOURS),
        }
    }

    /// Records a request. `status` 499 stands for a client that went away.
    pub fn finish(&self, colour: Option<&str>, status: u16, took: Duration) {
        let version = self.versions.get(colour.unwrap_or(STABLE), |name| Version {
            name: name.into(),
            by: ByOutcome::default(),
        });
        let class = class_index(status);
        version.by.observe(class, took.as_secs_f64(), || {
            let labels = VersionLabels {
                service: self.service.clone(),
                upstream: self.upstream.clone(),
                gray_version: version.name.clone(),
                status: CLASSES[class],
            };
            series(&DURATIONS, &labels)
        });
    }
}
