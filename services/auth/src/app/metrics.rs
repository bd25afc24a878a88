//! What operators watch of auth: outcomes of log-ins and refreshes, refused
//! attempts.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use shoal_telemetry::metrics::register;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: &'static str,
    outcome: &'static str,
}

type Outcomes = Family<Labels, Counter>;

static LOG_INS: LazyLock<Outcomes> = LazyLock::new(|| {
    register(
        "shoal_auth_log_ins",
        "Log-ins by outcome",
        Family::default(),
    )
});
static REFRESHES: LazyLock<Outcomes> = LazyLock::new(|| {
    register(
        "shoal_auth_refreshes",
        "Refreshes by outcome",
        Family::default(),
    )
});
static THROTTLED: LazyLock<Outcomes> = LazyLock::new(|| {
    register(
        "shoal_auth_throttled",
        "Attempts refused unchecked",
        Family::default(),
    )
});

static HASHES: LazyLock<Outcomes> = LazyLock::new(|| {
    register(
        "shoal_auth_password_hashes",
        "Argon2 computations",
        Family::default(),
    )
});

/// Counters of this module.
#[derive(Clone, Debug)]
pub(crate) struct AuthMetrics {
    throttled: Counter,
}

impl AuthMetrics {
    pub(crate) fn new() -> Self {
        Self {
            throttled: series(&THROTTLED, "refused"),
        }
    }

    /// Counts Argon2 computations.
    pub(crate) fn password_hashes() -> Counter {
        series(&HASHES, "computed")
    }

    pub(crate) fn log_in(&self, outcome: &'static str) {
        series(&LOG_INS, outcome).inc();
    }

    pub(crate) fn refresh(&self, outcome: &'static str) {
        series(&REFRESHES, outcome).inc();
    }

    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }
}

fn series(family: &Outcomes, outcome: &'static str) -> Counter {
    family
        .get_or_create(&Labels {
            service: "auth",
            outcome,
        })
        .clone()
}
