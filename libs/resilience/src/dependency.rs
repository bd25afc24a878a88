//! The breakers and budgets of one service, by dependency.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_task::SharedClock;

use crate::metrics::Series;
use crate::{
    Breaker, BreakerSettings, BudgetSettings, Bulkhead, BulkheadSettings, InstanceReport,
    Latencies, OutlierEvent, OutlierSettings, Outliers, Permit, Rejected, RetryBudget, Snapshot,
    State, Transition,
};

/// How calls to one dependency are governed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DependencySettings {
    /// When calls are stopped.
    pub breaker: BreakerSettings,
    /// How many calls are repeated or hedged.
    pub retry_budget: BudgetSettings,
    /// When one of its instances is left out.
    pub outliers: OutlierSettings,
    /// How many calls may be under way.
    pub bulkhead: BulkheadSettings,
}

/// How calls to whatever a service depends on are governed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResilienceSettings {
    /// For every dependency that has no settings of its own.
    pub default: DependencySettings,
    /// By name of the dependency, e.g. `billing`; each stands for itself, what
    /// it leaves out is the built-in default.
    pub dependencies: BTreeMap<String, DependencySettings>,
}

/// All dependencies of one service. Clones share.
#[derive(Clone, Debug)]
pub struct Dependencies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Arc<str>,
    settings: ResilienceSettings,
    clock: SharedClock,
    known: Mutex<BTreeMap<Arc<str>, Arc<Dependency>>>,
}

/// One dependency of a service.
#[derive(Debug)]
pub struct Dependency {
    service: Arc<str>,
    name: Arc<str>,
    clock: SharedClock,
    breaker: Breaker,
    budget: RetryBudget,
    outliers: Outliers,
    bulkhead: BulkheadSettings,
    latencies: Latencies,
    series: Arc<Series>,
}

/// What is known of one dependency.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DependencyReport {
    /// Its name.
    pub name: String,
    /// Its breaker.
    pub breaker: Snapshot,
    /// The breaker's settings in force.
    pub settings: BreakerSettings,
    /// Repeats that may be made now.
    pub retries_left: u32,
    /// Its instances that were called.
    pub instances: Vec<InstanceReport>,
}

impl Dependencies {
    /// None yet; each is made when first asked for.
    pub fn new(service: &str, settings: ResilienceSettings, clock: SharedClock) -> Self {
        Self(Arc::new(Inner {
            service: service.into(),
            settings,
            clock,
            known: Mutex::default(),
        }))
    }

    /// The dependency called `name`.
    pub fn get(&self, name: &str) -> Arc<Dependency> {
        let mut known = self.known();
        if let Some(dependency) = known.get(name) {
            return Arc::clone(dependency);
        }
        let settings = &self.0.settings;
        let settings = settings.dependencies.get(name).unwrap_or(&settings.default);
        let made = Dependency::new(&self.0.service, name, settings, &self.0.clock);
        known.insert(Arc::clone(&made.name), Arc::clone(&made));
        made
    }

    /// The instances of `name` that bear the gray version `colour`, which say
    /// nothing about the stable ones; the stable ones without it.
    pub fn of(&self, name: &str, colour: Option<&str>) -> Arc<Dependency> {
        match colour {
            Some(colour) => self.get(&format!("{name}@{colour}")),
            None => self.get(name),
        }
    }

    /// What is known of all of them, by name.
    pub fn report(&self) -> Vec<DependencyReport> {
        self.known().values().map(|one| one.report()).collect()
    }

    /// The dependency called `name`, if it was ever asked for.
    pub fn find(&self, name: &str) -> Option<Arc<Dependency>> {
        self.known().get(name).map(Arc::clone)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Dependency>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dependency {
    fn new(
        service: &Arc<str>,
        name: &str,
        settings: &DependencySettings,
        clock: &SharedClock,
    ) -> Arc<Self> {
        let name: Arc<str> = name.into();
        let series = Arc::new(Series::new(service, &name));
        let told = (Arc::clone(service), Arc::clone(&name), Arc::clone(&series));
        let seed = name.bytes().fold(0, |seed: u64, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        // Two services, or two of their instances, vary their pauses apart.
        let seed = seed ^ u64::from(std::process::id());
        let told_of = (Arc::clone(service), Arc::clone(&name), Arc::clone(&series));
        let outliers = Outliers::new(settings.outliers.clone(), seed, move |event| {
            tell_instance(&told_of.0, &told_of.1, &told_of.2, event);
        });
        let breaker = Breaker::new(
            settings.breaker.clone(),
            seed,
            clock.monotonic(),
            move |transition| tell(&told.0, &told.1, &told.2, transition),
        );
        let made = Arc::new(Self {
            service: Arc::clone(service),
            name,
            clock: Arc::clone(clock),
            breaker,
            budget: RetryBudget::new(&settings.retry_budget),
            outliers,
            bulkhead: settings.bulkhead,
            latencies: Latencies::default(),
            series,
        });
        crate::metrics::collect(&made);
        made
    }

    /// Whose calls it governs.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time that its breaker is asked with.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Asks the breaker for a call.
    ///
    /// # Errors
    /// [`Rejected`] while the dependency is held to be down.
    pub(crate) fn acquire(&self, now: Duration) -> Result<Permit<'_>, Rejected> {
        self.breaker
            .acquire(now)
            .inspect_err(|_| self.series.rejected())
    }

    /// Whether its breaker lets all calls pass.
    pub fn is_well(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Counts a call that was sent to a second instance as well; `won` says that
    /// the second one answered first.
    pub fn hedged(&self, won: bool) {
        self.series.hedged(won);
    }

    /// The purse of repeats.
    pub fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Places for calls to it, under the metrics' name `name`; the numbers are
    /// for whom the settings give none.
    pub fn bulkhead(&self, name: &str, places: usize, waiting: usize) -> Bulkhead {
        let own = self.bulkhead;
        Bulkhead::new(
            &self.service,
            name,
            own.max_in_flight.unwrap_or(places),
            own.max_waiting.unwrap_or(waiting),
        )
    }

    /// Its instances, compared with each other.
    pub fn outliers(&self) -> &Outliers {
        &self.outliers
    }

    /// How long its methods usually take.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// Changes the breaker's settings at once.
    pub fn set(&self, settings: BreakerSettings) {
        self.breaker.set(settings, self.now());
    }

    /// What is known of it.
    pub fn report(&self) -> DependencyReport {
        DependencyReport {
            name: self.name.to_string(),
            breaker: self.breaker.snapshot(self.now()),
            settings: self.breaker.settings(),
            retries_left: self.budget.left(),
            instances: self.outliers.report(self.now()),
        }
    }
}

/// Logs and counts a change of state.
fn tell(service: &str, dependency: &str, series: &Series, transition: &Transition) {
    let to = transition.to.as_str();
    series.entered(transition.to);
    match (&transition.reason, transition.to) {
        (Some(reason), _) => {
            tracing::warn!(service, dependency, state = to, %reason, "{dependency} is held to be down: {reason}");
        }
        (None, State::Open) => {
            tracing::warn!(service, dependency, state = to, cause = ?transition.cause, "{dependency} is still down");
        }
        _ => {
            tracing::info!(service, dependency, state = to, cause = ?transition.cause, "calls to {dependency}: {to}");
        }
    }
}

/// Logs and counts an instance that is left out or back.
fn tell_instance(service: &str, dependency: &str, series: &Series, event: &OutlierEvent) {
    let instance = &event.instance;
    match event.cause {
        Some(cause) => {
            series.left_out(cause);
            let cause = cause.as_str();
            tracing::warn!(
                service,
                dependency,
                instance,
                cause,
                "{dependency}: {event}"
            );
        }
        None => tracing::info!(service, dependency, instance, "{dependency}: {event}"),
    }
}
