//! What is counted about rules; traffic by colour is in `shoal-telemetry`.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use shoal_telemetry::metrics::register;

use super::active::Active;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    service: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    service: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RollbackLabels {
    service: &'static str,
    rule: String,
    of: &'static str,
}

const SERVICE: &str = "gateway";

static RULES: LazyLock<Family<StateLabels, Gauge>> = LazyLock::new(|| {
    let help = "Gray rules that count, by whether they match";
    register("gateway_gray_rules", help, Family::default())
});
static STALE: LazyLock<Family<Labels, Gauge>> = LazyLock::new(|| {
    let help = "1 while the rules file is refused and older rules count";
    register("gateway_gray_rules_stale", help, Family::default())
});
static RELOADS: LazyLock<Family<ReloadLabels, Counter>> = LazyLock::new(|| {
    let help = "Changes of the rules file";
    register("gateway_gray_reloads", help, Family::default())
});
static ROLLBACKS: LazyLock<Family<RollbackLabels, Counter>> = LazyLock::new(|| {
    let help = "Rules that were paused because their colour did worse than stable";
    register("gateway_gray_rollbacks", help, Family::default())
});

pub(super) fn rules(active: &Active) {
    let all = &active.rules.set().rules;
    let paused = all
        .iter()
        .filter(|rule| active.pauses.contains_key(&rule.name));
    let paused = paused.count();
    for (state, count) in [("active", all.len() - paused), ("paused", paused)] {
        let labels = StateLabels {
            service: SERVICE,
            state,
        };
        RULES
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

pub(super) fn stale(stale: bool) {
    let labels = Labels { service: SERVICE };
    STALE.get_or_create(&labels).set(i64::from(stale));
}

pub(super) fn reload(taken: bool) {
    let outcome = if taken { "taken" } else { "refused" };
    let labels = ReloadLabels {
        service: SERVICE,
        outcome,
    };
    RELOADS.get_or_create(&labels).inc();
}

/// Rules are written by people: there are at most 64 at a time.
pub(super) fn rolled_back(rule: &str, of: &'static str) {
    let labels = RollbackLabels {
        service: SERVICE,
        rule: rule.to_owned(),
        of,
    };
    ROLLBACKS.get_or_create(&labels).inc();
}
