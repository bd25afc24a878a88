//! Rate, errors and duration of HTTP requests, per route.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::series::{ByName, ByOutcome, Durations, series};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    service: Arc<str>,
    route: Arc<str>,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: Arc<str>,
}

static DURATIONS: LazyLock<Family<RouteLabels, Histogram, Durations>> = LazyLock::new(|| {
    super::register(
        "shoal_http_server_duration_seconds",
        "Time from the request's head to the answer's head, by route template and status class",
        Family::new_with_constructor(Durations),
    )
});
static IN_FLIGHT: LazyLock<Family<ServiceLabels, Gauge>> = LazyLock::new(|| {
    super::register(
        "shoal_http_server_in_flight",
        "Requests whose answer has not begun",
        Family::default(),
    )
});

/// HTTP metrics of one service. Make it once and keep it.
#[derive(Debug)]
pub struct HttpMetrics {
    service: Arc<str>,
    in_flight: Gauge,
    routes: ByName<[RouteSeries; METHODS.len()]>,
}

impl HttpMetrics {
    /// Metrics labelled with `service`.
    pub fn new(service: &str) -> Arc<Self> {
        let service: Arc<str> = service.into();
        let in_flight = series(
            &IN_FLIGHT,
            &ServiceLabels {
                service: service.clone(),
            },
        );
        Arc::new(Self {
            service,
            in_flight,
            routes: ByName::default(),
        })
    }

    /// Counts a request as running until the guard is dropped.
    pub fn begin(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// Records a finished request. `route` is the template, never the path;
    /// `status` 499 stands for a client that went away.
    pub fn finish(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = method_index(method);
        let routes = self.routes.get(route, |route| {
            let route: Arc<str> = route.into();
            std::array::from_fn(|_| RouteSeries {
                route: route.clone(),
                by: ByOutcome::default(),
            })
        });
        let series_of = &routes[method];
        let class = class_index(status);
        series_of.by.observe(class, took.as_secs_f64(), || {
            series(
                &DURATIONS,
                &RouteLabels {
                    service: self.service.clone(),
                    route: series_of.route.clone(),
                    method: METHODS[method],
                    status: CLASSES[class],
                },
            )
        });
    }
}

#[derive(Debug)]
struct RouteSeries {
    route: Arc<str>,
    by: ByOutcome<{ CLASSES.len() }>,
}

/// One running request or call in a gauge.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "OTHER",
];
pub(super) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "cancelled"];

fn method_index(method: &Method) -> usize {
    METHODS
        .iter()
        .position(|known| *known == method.as_str())
        .unwrap_or(METHODS.len() - 1)
}

pub(super) const fn class_index(status: u16) -> usize {
    match status {
        499 => 5,
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=498 => 3,
        _ => 4,
    }
}
