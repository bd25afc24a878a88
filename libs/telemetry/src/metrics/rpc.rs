//! Rate, errors and duration of gRPC calls, served and made.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::http::InFlight;
use super::series::{ByName, ByOutcome, Durations, series};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    service: Arc<str>,
    method: Arc<str>,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabels {
    service: Arc<str>,
    dependency: Arc<str>,
    method: Arc<str>,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DependencyLabels {
    service: Arc<str>,
    dependency: Arc<str>,
}

static SERVED: LazyLock<Family<ServerLabels, Histogram, Durations>> = LazyLock::new(|| {
    super::register(
        "shoal_rpc_server_duration_seconds",
        "Time from a call's head to the end of its answer, by method and code",
        Family::new_with_constructor(Durations),
    )
});
static SERVER_IN_FLIGHT: LazyLock<Family<ServiceLabels, Gauge>> = LazyLock::new(|| {
    super::register(
        "shoal_rpc_server_in_flight",
        "Calls being served",
        Family::default(),
    )
});
static MADE: LazyLock<Family<ClientLabels, Histogram, Durations>> = LazyLock::new(|| {
    super::register(
        "shoal_rpc_client_duration_seconds",
        "Time of a call to a dependency with its retries, by method and code",
        Family::new_with_constructor(Durations),
    )
});
static CLIENT_IN_FLIGHT: LazyLock<Family<DependencyLabels, Gauge>> = LazyLock::new(|| {
    super::register(
        "shoal_rpc_client_in_flight",
        "Calls under way to a dependency",
        Family::default(),
    )
});
static RETRIES: LazyLock<Family<DependencyLabels, Counter>> = LazyLock::new(|| {
    super::register(
        "shoal_rpc_client_retries",
        "Attempts after the first",
        Family::default(),
    )
});

/// Metrics of the gRPC calls that one service serves.
#[derive(Debug)]
pub struct RpcServerMetrics {
    service: Arc<str>,
    in_flight: Gauge,
    methods: ByName<MethodSeries>,
}

impl RpcServerMetrics {
    /// Metrics labelled with `service`.
    pub fn new(service: &str) -> Arc<Self> {
        let service: Arc<str> = service.into();
        let in_flight = series(
            &SERVER_IN_FLIGHT,
            &ServiceLabels {
                service: service.clone(),
            },
        );
        Arc::new(Self {
            service,
            in_flight,
            methods: ByName::default(),
        })
    }

    /// Counts a call as running until the guard is dropped.
    pub fn begin(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// Records a finished call. `method` is `package.Service/Method`; `code`
    /// the numeric gRPC code.
    pub fn finish(&self, method: &str, code: i32, took: Duration) {
        let entry = self.methods.get(method, MethodSeries::new);
        let code = code_index(code);
        entry.by.observe(code, took.as_secs_f64(), || {
            let (service, method) = (self.service.clone(), entry.method.clone());
            series(
                &SERVED,
                &ServerLabels {
                    service,
                    method,
                    code: CODES[code],
                },
            )
        });
    }
}

/// Metrics of the gRPC calls that one service makes to one other.
#[derive(Debug)]
pub struct RpcClientMetrics {
    labels: DependencyLabels,
    in_flight: Gauge,
    retries: Counter,
    methods: ByName<MethodSeries>,
}

impl RpcClientMetrics {
    /// Metrics of the calls from `service` to `dependency`.
    pub fn new(service: &str, dependency: &str) -> Arc<Self> {
        let labels = DependencyLabels {
            service: service.into(),
            dependency: dependency.into(),
        };
        let in_flight = series(&CLIENT_IN_FLIGHT, &labels);
        let retries = series(&RETRIES, &labels);
        Arc::new(Self {
            labels,
            in_flight,
            retries,
            methods: ByName::default(),
        })
    }

    /// Counts a call as under way until the guard is dropped.
    pub fn begin(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// Counts an attempt after the first.
    pub fn retry(&self) {
        self.retries.inc();
    }

    /// Records a finished call; see [`RpcServerMetrics::finish`].
    pub fn finish(&self, method: &str, code: i32, took: Duration) {
        let entry = self.methods.get(method, MethodSeries::new);
        let code = code_index(code);
        entry.by.observe(code, took.as_secs_f64(), || {
            let DependencyLabels {
                service,
                dependency,
            } = self.labels.clone();
            let method = entry.method.clone();
            series(
                &MADE,
                &ClientLabels {
                    service,
                    dependency,
                    method,
                    code: CODES[code],
                },
            )
        });
    }
}

#[derive(Debug)]
struct MethodSeries {
    method: Arc<str>,
    by: ByOutcome<{ CODES.len() }>,
}

impl MethodSeries {
    fn new(method: &str) -> Self {
        Self {
            method: method.into(),
            by: ByOutcome::default(),
        }
    }
}

/// Name of a numeric gRPC code, as the specification writes it.
pub const fn code_name(code: i32) -> &'static str {
    CODES[code_index(code)]
}

const UNKNOWN: usize = 2;
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const fn code_index(code: i32) -> usize {
    if code >= 0 && (code as usize) < CODES.len() {
        code as usize
    } else {
        UNKNOWN
    }
}
