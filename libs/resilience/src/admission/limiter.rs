//! The adaptive limit: places, what is known of routes, and who decides.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use shoal_context::Class;

use super::learner::{Decision, Learner};
use super::places::Places;
use super::route::{Route, of_ticks};
use super::settings::AdmissionSettings;

/// Routes that are told apart; later ones share one, so that a caller who
/// invents paths cannot fill the memory.
const MOST_ROUTES: usize = 512;

/// How a request that was let in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was asked for.
    Served,
    /// It ran out of time.
    TimedOut,
    /// Anything else: how long a refusal or a fault takes says nothing, and
    /// neither does a caller who went away.
    Otherwise,
}

/// What is known of a route.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RouteReport {
    /// Method and path.
    pub route: String,
    /// How long requests usually take when they need not wait for each other,
    /// in milliseconds.
    pub usual_ms: Option<f64>,
    /// A quarter of them take less, in milliseconds: a request that has less
    /// time left is not begun.
    pub quartile_ms: Option<f64>,
}

/// How many requests may be handled at once, learned from how long they take.
/// Time is whatever monotonic clock the caller measures with, always the same
/// one.
#[derive(Debug)]
pub struct Limiter {
    places: Places,
    limit: AtomicU32,
    /// When whoever ends next has the window looked at, ns.
    turns_at: AtomicU64,
    /// Requests that began earlier are not counted, ns.
    counts_from: AtomicU64,
    served: AtomicU32,
    refused: AtomicU32,
    waited: AtomicBool,
    /// Requests that came for each that was served, in thousandths.
    pressure: AtomicU32,
    classes: Classes,
    routes: RwLock<Routes>,
    others: Arc<Route>,
    core: Mutex<Learner>,
}

/// Classes of the routes that are not interactive: `POST /order/v1/imports`,
/// or `gRPC /shoal.order.v1.OrderService/Import`.
pub type Classes = &'static [(&'static str, Class)];

/// By verb, then path, so that finding one makes no string.
type Routes = HashMap<Box<str>, HashMap<Box<str>, Arc<Route>>>;

impl Limiter {
    /// A limit that has learned nothing yet, at the time `now`.
    pub fn new(settings: AdmissionSettings, classes: Classes, now: Duration) -> Self {
        let start = settings.start();
        let others = Arc::new(Route::default());
        let places = Places::new(&settings, start);
        let mut learner = Learner::new(settings, now);
        learner.add(Arc::clone(&others));
        Self {
            places,
            limit: AtomicU32::new(start),
            turns_at: AtomicU64::new(nanos(learner.first())),
            counts_from: AtomicU64::new(0),
            served: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            waited: AtomicBool::new(false),
            pressure: AtomicU32::new(1_000),
            classes,
            routes: RwLock::default(),
            others,
            core: Mutex::new(learner),
        }
    }

    /// What is known of a route: `verb` and `path` as its team wrote them.
    pub fn route(&self, verb: &str, path: &str) -> Arc<Route> {
        if let Some(known) = self.known(verb, path) {
            return known;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let count: usize = routes.values().map(HashMap::len).sum();
        let paths = routes.entry(verb.into()).or_default();
        if let Some(known) = paths.get(path) {
            return Arc::clone(known);
        }
        if count >= MOST_ROUTES {
            return Arc::clone(&self.others);
        }
        let made = Arc::new(Route::new(self.class_of(verb, path)));
        paths.insert(path.into(), Arc::clone(&made));
        drop(routes);
        self.core().add(Arc::clone(&made));
        made
    }

    /// The route if it was met before, else the one that the unknown share: for
    /// paths that callers choose, which become known once they were served.
    pub fn route_if_known(&self, verb: &str, path: &str) -> Arc<Route> {
        self.known(verb, path)
            .unwrap_or_else(|| Arc::clone(&self.others))
    }

    /// Whether this is the route that the unknown share.
    pub fn is_unknown(&self, route: &Arc<Route>) -> bool {
        Arc::ptr_eq(route, &self.others)
    }

    /// Takes a place if the class may have one.
    #[inline]
    pub fn take(&self, class: Class) -> bool {
        self.places.take(class)
    }

    /// Gives a place back. What is learned from the request comes first, as the
    /// next may be let in by a new limit.
    #[inline]
    pub fn give_back(
        &self,
        class: Class,
        route: &Route,
        begun: Duration,
        now: Duration,
        how: Ended,
    ) {
        match how {
            Ended::Served if self.counts(begun) => route.record(now.saturating_sub(begun)),
            Ended::TimedOut if self.counts(begun) => route.timed_out(now.saturating_sub(begun)),
            _ => {}
        }
        self.served.fetch_add(1, Ordering::Relaxed);
        self.places.give_back(class);
        if nanos(now) >= self.turns_at.load(Ordering::Relaxed) {
            self.turn(now);
        }
    }

    /// Gives back a place that nothing was done with.
    pub(crate) fn give_back_unused(&self, class: Class) {
        self.places.give_back(class);
    }

    /// Counts a request that was turned away.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that somebody had to wait.
    pub(crate) fn waited(&self) {
        self.waited.store(true, Ordering::Relaxed);
    }

    /// Requests handled at once at most, now.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// How many of each class are handled now, in the order of [`Class::ALL`].
    pub fn in_flight(&self) -> [u32; 3] {
        self.places.by_class()
    }

    /// Requests that came for each that was served, lately; 1 while all are.
    pub fn pressure(&self) -> f64 {
        f64::from(self.pressure.load(Ordering::Relaxed)) / 1_000.0
    }

    /// How many times the usual time requests take, lately.
    pub fn inflation(&self) -> f64 {
        self.core().inflation()
    }

    /// Whether the limit is low for a moment, to see how fast requests can be.
    pub fn is_probing(&self) -> bool {
        self.core().is_probing()
    }

    /// The settings in force.
    pub fn settings(&self) -> AdmissionSettings {
        self.core().settings().clone()
    }

    /// Changes the settings at once.
    pub fn set(&self, settings: AdmissionSettings, now: Duration) {
        let mut core = self.core();
        let decision = core.set(settings, now);
        self.apply(&core, decision);
    }

    /// What is known of each route, by name.
    pub fn routes(&self) -> Vec<RouteReport> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let all = routes
            .iter()
            .flat_map(|(verb, paths)| paths.iter().map(move |(path, route)| (verb, path, route)));
        let mut all: Vec<_> = all
            .map(|(verb, path, route)| RouteReport {
                route: format!("{verb} {path}"),
                usual_ms: route.usual().map(millis),
                quartile_ms: route.quartile().map(millis),
            })
            .collect();
        all.sort_by(|one, other| one.route.cmp(&other.route));
        all
    }

    fn class_of(&self, verb: &str, path: &str) -> Class {
        let mut classes = self.classes.iter();
        let named = classes.find(|(route, _)| route.split_once(' ') == Some((verb, path)));
        named.map_or_else(Class::default, |&(_, class)| class)
    }

    fn known(&self, verb: &str, path: &str) -> Option<Arc<Route>> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.get(verb)?.get(path).map(Arc::clone)
    }

    #[inline]
    fn counts(&self, begun: Duration) -> bool {
        nanos(begun) >= self.counts_from.load(Ordering::Relaxed)
    }

    #[cold]
    fn turn(&self, now: Duration) {
        let mut core = match self.core.try_lock() {
            Ok(core) => core,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is at it.
            Err(TryLockError::WouldBlock) => return,
        };
        if nanos(now) < self.turns_at.load(Ordering::Relaxed) {
            return;
        }
        let refused = self.refused.load(Ordering::Relaxed);
        let full = refused > 0 || self.waited.load(Ordering::Relaxed);
        let probed = core.is_probing();
        let decision = core.turn(now, self.places.peak(), full);
        if decision.ended {
            let served = self.served.swap(0, Ordering::Relaxed);
            self.refused.fetch_sub(refused, Ordering::Relaxed);
            self.waited.store(false, Ordering::Relaxed);
            self.places.forget_peak();
            // A probe turns away more than have to go.
            if !probed {
                self.press(served, refused);
            }
        }
        self.apply(&core, decision);
    }

    fn press(&self, served: u32, refused: u32) {
        let came = f64::from(served.saturating_add(refused)) / f64::from(served.max(1));
        let old = self.pressure();
        let new = old + (came - old) * 0.5;
        self.pressure
            .store((new.min(1_000.0) * 1_000.0) as u32, Ordering::Relaxed);
    }

    fn apply(&self, core: &Learner, decision: Decision) {
        self.counts_from
            .store(nanos(decision.counts_from), Ordering::Relaxed);
        self.turns_at.store(nanos(decision.next), Ordering::Relaxed);
        self.limit.store(decision.limit, Ordering::Relaxed);
        self.places.set(core.settings(), decision.limit);
    }

    fn core(&self) -> MutexGuard<'_, Learner> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    /// How long such requests usually take; none before it was learned.
    pub fn usual(&self) -> Option<Duration> {
        let ticks = self.usual_ticks();
        (ticks > 0).then(|| of_ticks(ticks as f64))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[inline]
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
