//! The instances of one service, each with what its calls told.

use std::sync::{Arc, PoisonError, RwLock};

use shoal_context::Context;
use shoal_discovery::{Instance, Resolver, Watch};
use shoal_resilience::{Dependencies, Dependency, InstanceCall, Seat};
use shoal_routing::GRAY_LABEL;

/// An instance that takes work.
pub(crate) struct Target {
    /// As discovery knows it.
    pub(crate) instance: Instance,
    /// The service, or its instances of this one's colour: its peers.
    peers: Arc<Dependency>,
    pub(super) seat: Arc<Seat>,
}

impl Target {
    /// Its colour; none when it is stable.
    pub(super) fn colour(&self) -> Option<&str> {
        self.instance.labels.get(GRAY_LABEL).map(String::as_str)
    }

    /// Begins a request, which is compared with those of the same `kind`.
    pub(super) fn begin(&self, kind: &str) -> InstanceCall {
        self.peers.call_to(&self.seat, kind, &Context::current())
    }
}

/// Follows the resolver; looked at before each request, at the cost of one
/// atomic read while nothing changed.
pub(super) struct Targets {
    service: Arc<str>,
    dependencies: Dependencies,
    state: RwLock<State>,
}

struct State {
    watch: Watch,
    list: Arc<[Arc<Target>]>,
}

impl Targets {
    pub(super) fn new(service: &Arc<str>, resolver: &dyn Resolver, all: &Dependencies) -> Self {
        Self {
            service: Arc::clone(service),
            dependencies: all.clone(),
            state: RwLock::new(State {
                watch: resolver.watch(service),
                list: Arc::default(),
            }),
        }
    }

    /// Those that take work now.
    pub(super) fn now(&self) -> Arc<[Arc<Target>]> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if !state.watch.has_changed() {
            return Arc::clone(&state.list);
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.watch.take_change() {
            let working = known.list.iter().filter(|instance| instance.takes_work());
            // The old list holds the seats meanwhile: who stays keeps its own.
            state.list = working.map(|i| Arc::new(self.target(i))).collect();
        }
        Arc::clone(&state.list)
    }

    fn target(&self, instance: &Instance) -> Target {
        let colour = instance.labels.get(GRAY_LABEL).map(String::as_str);
        let peers = self.dependencies.of(&self.service, colour);
        Target {
            instance: instance.clone(),
            seat: peers.outliers().seat(&instance.addr),
            peers,
        }
    }
}
