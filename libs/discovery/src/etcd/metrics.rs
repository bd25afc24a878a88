//! Figures about the registry, as one service sees it.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::register;

use crate::{InstanceState, Instances};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listed {
    service: String,
    target: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTarget {
    service: String,
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Resync {
    service: String,
    target: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByService {
    service: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRole {
    service: String,
    role: String,
}

static INSTANCES: LazyLock<Family<Listed, Gauge>> = LazyLock::new(|| {
    let help = "Instances of another service that are known, by state";
    register("shoal_discovery_instances", help, Family::default())
});
static STALE: LazyLock<Family<ByTarget, Gauge>> = LazyLock::new(|| {
    let help = "1 while the registry is away and the last good list is used";
    register("shoal_discovery_stale", help, Family::default())
});
static HEARD: LazyLock<Family<ByTarget, Gauge>> = LazyLock::new(|| {
    let help = "Unix time in seconds at which the registry was last heard of a list";
    let name = "shoal_discovery_heard_timestamp_seconds";
    register(name, help, Family::default())
});
static RESYNCS: LazyLock<Family<Resync, Counter>> = LazyLock::new(|| {
    let help = "Lists read anew: start, gap, compaction";
    register("shoal_discovery_resyncs", help, Family::default())
});
static BAD: LazyLock<Family<ByTarget, Counter>> = LazyLock::new(|| {
    let help = "Records in the registry that could not be read and were passed over";
    register("shoal_discovery_bad_records", help, Family::default())
});
static REGISTERED: LazyLock<Family<ByService, Gauge>> = LazyLock::new(|| {
    let help = "1 while the service's own record stands in the registry";
    register("shoal_discovery_registered", help, Family::default())
});
static GRANTS: LazyLock<Family<ByService, Counter>> = LazyLock::new(|| {
    let help = "Leases taken for the service's own record; more than one when leases were lost";
    register("shoal_discovery_leases", help, Family::default())
});
static LEADING: LazyLock<Family<ByRole, Gauge>> = LazyLock::new(|| {
    let help = "1 while this instance leads in a role";
    register("shoal_discovery_leading", help, Family::default())
});

/// Of one list.
#[derive(Debug)]
pub(crate) struct ListMetrics {
    service: String,
    target: String,
    by: [Gauge; 2],
    stale: Gauge,
    heard: Gauge,
    bad: Counter,
}

impl ListMetrics {
    pub(crate) fn new(service: &str, target: &str) -> Self {
        let (service, target) = (service.to_owned(), target.to_owned());
        let by = ["serving", "draining"].map(|state| {
            INSTANCES.get_or_create_owned(&Listed {
                service: service.clone(),
                target: target.clone(),
                state,
            })
        });
        let labels = ByTarget {
            service: service.clone(),
            target: target.clone(),
        };
        Self {
            service,
            target,
            by,
            stale: STALE.get_or_create_owned(&labels),
            heard: HEARD.get_or_create_owned(&labels),
            bad: BAD.get_or_create_owned(&labels),
        }
    }

    pub(crate) fn shows(&self, instances: &Instances) {
        let serving = |i: &&crate::Instance| i.state == InstanceState::Serving;
        let all = instances.list.len();
        let serving = instances.list.iter().filter(serving).count();
        self.by[0].set(serving as i64);
        self.by[1].set((all - serving) as i64);
        self.stale.set(i64::from(instances.stale));
    }

    pub(crate) fn heard(&self, wall_ms: i64) {
        self.heard.set(wall_ms / 1_000);
    }

    pub(crate) fn bad(&self) {
        self.bad.inc();
    }

    pub(crate) fn resync(&self, reason: &'static str) {
        let labels = Resync {
            service: self.service.clone(),
            target: self.target.clone(),
            reason,
        };
        RESYNCS.get_or_create(&labels).inc();
    }
}

pub(crate) fn registered(service: &str, is: bool) {
    let service = service.to_owned();
    REGISTERED
        .get_or_create(&ByService { service })
        .set(i64::from(is));
}

pub(crate) fn granted(service: &str) {
    let service = service.to_owned();
    GRANTS.get_or_create(&ByService { service }).inc();
}

pub(crate) fn leading(service: &str, role: &str, is: bool) {
    let (service, role) = (service.to_owned(), role.to_owned());
    LEADING
        .get_or_create(&ByRole { service, role })
        .set(i64::from(is));
}
