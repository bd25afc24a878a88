//! Rate, errors and duration of whatever else a service depends on: SQL,
//! Redis, SMTP, a payment provider.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::series::{ByName, ByOutcome, Durations, series};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: Arc<str>,
    dependency: Arc<str>,
    operation: Arc<str>,
    outcome: &'static str,
}

static DURATIONS: LazyLock<Family<Labels, Histogram, Durations>> = LazyLock::new(|| {
    super::register(
        "shoal_dependency_duration_seconds",
        "Time of an operation on a dependency, by operation and outcome",
        Family::new_with_constructor(Durations),
    )
});

/// How an operation on a dependency ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what was asked.
    Ok,
    /// It failed.
    Error,
    /// The caller went away or ran out of time.
    Cancelled,
}

/// Metrics of one dependency of one service. Make it once and keep it.
#[derive(Debug)]
pub struct Dependency {
    service: Arc<str>,
    name: Arc<str>,
    operations: ByName<Operation>,
}

#[derive(Debug)]
struct Operation {
    name: Arc<str>,
    by: ByOutcome<{ OUTCOMES.len() }>,
}

impl Dependency {
    /// Metrics of `dependency` (`postgresql`, `redis`, `smtp`) as `service`
    /// sees it.
    pub fn new(service: &str, dependency: &str) -> Arc<Self> {
        let (service, name) = (service.into(), dependency.into());
        Arc::new(Self {
            service,
            name,
            operations: ByName::default(),
        })
    }

    /// Starts a clock that records [`Outcome::Cancelled`] unless it is told
    /// otherwise. `operation` is a small fixed set, e.g. `select`.
    pub fn start<'a>(&'a self, operation: &'a str) -> Timer<'a> {
        Timer {
            dependency: self,
            operation,
            start: crate::clock::monotonic(),
            outcome: Outcome::Cancelled,
        }
    }

    /// Records a finished operation.
    pub fn finish(&self, operation: &str, outcome: Outcome, took: Duration) {
        let entry = self.operations.get(operation, |name| Operation {
            name: name.into(),
            by: ByOutcome::default(),
        });
        entry.by.observe(outcome as usize, took.as_secs_f64(), || {
            series(
                &DURATIONS,
                &Labels {
                    service: self.service.clone(),
                    dependency: self.name.clone(),
                    operation: entry.name.clone(),
                    outcome: OUTCOMES[outcome as usize],
                },
            )
        });
    }
}

/// A running operation; recorded when dropped.
#[derive(Debug)]
#[must_use = "an operation that is dropped at once is recorded as cancelled"]
pub struct Timer<'a> {
    dependency: &'a Dependency,
    operation: &'a str,
    start: Instant,
    outcome: Outcome,
}

impl Timer<'_> {
    /// Records how the operation ended.
    pub fn stop(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Records success or failure, as the result says, and hands it back.
    pub fn stop_with<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        self.stop(if result.is_ok() {
            Outcome::Ok
        } else {
            Outcome::Error
        });
        result
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.dependency
            .finish(self.operation, self.outcome, self.start.elapsed());
    }
}

const OUTCOMES: [&str; 3] = ["ok", "error", "cancelled"];
