//! The instances of a dependency with their connections and their load.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shoal_discovery::{Instance, Instances, Resolver, Watch};
use shoal_resilience::{Dependencies, Dependency, Seat};
use shoal_routing::GRAY_LABEL;
use tonic::transport::{Channel, Endpoint};

use crate::ClientConfig;

/// One connection to one instance.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: Instance,
    pub(crate) channel: Channel,
    /// The service, or its instances of this one's colour: its peers, with which
    /// it is compared. A gray version must not be left out for the stable one.
    pub(crate) dependency: Arc<Dependency>,
    pub(crate) seat: Arc<Seat>,
    in_flight: AtomicUsize,
}

impl Member {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Its colour; none when it is stable.
    pub(crate) fn colour(&self) -> Option<&str> {
        let label = self.instance.labels.get(GRAY_LABEL);
        label.map(String::as_str)
    }

    /// Counts a call until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Load {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(self))
    }
}

/// A call in a member's load.
#[derive(Debug)]
pub(crate) struct Load(Arc<Member>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Follows the resolver. Looked at before each attempt instead of in a task:
/// nothing runs when nobody calls, and a change counts from the next attempt.
#[derive(Debug)]
pub(crate) struct Pool {
    state: RwLock<State>,
    make: MakeChannel,
}

#[derive(Debug)]
struct State {
    watch: Watch,
    /// Those that take work.
    members: Arc<[Arc<Member>]>,
}

impl Pool {
    pub(crate) fn new(name: &str, resolver: &dyn Resolver, config: &ClientConfig) -> Self {
        let watch = resolver.watch(name);
        // Seen as changed, so that the first attempt, which runs in a runtime,
        // makes the channels.
        let state = State {
            watch,
            members: Arc::default(),
        };
        let make = MakeChannel::new(name, config);
        Self {
            state: RwLock::new(state),
            make,
        }
    }

    /// Members that take work now.
    pub(crate) fn members(&self) -> Arc<[Arc<Member>]> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if !state.watch.has_changed() {
            return Arc::clone(&state.members);
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = state.watch.take_change() {
            state.members = self.renew(&list, &state.members);
        }
        Arc::clone(&state.members)
    }

    /// Keeps the connections of instances that stay. Those of others close
    /// when their last call is done.
    fn renew(&self, list: &Instances, old: &[Arc<Member>]) -> Arc<[Arc<Member>]> {
        let mut kept: Vec<_> = old.to_vec();
        let wanted = list.list.iter().filter(|instance| instance.takes_work());
        let copies = wanted.flat_map(|i| std::iter::repeat_n(i, self.make.connections));
        let members = copies.filter_map(|instance| {
            let same = |member: &Arc<Member>| member.instance == *instance;
            match kept.iter().position(same) {
                Some(at) => Some(kept.swap_remove(at)),
                None => self.make.member(instance).map(Arc::new),
            }
        });
        members.collect()
    }
}

#[derive(Debug)]
struct MakeChannel {
    name: String,
    dependencies: Dependencies,
    caller: String,
    connect_timeout: Duration,
    keep_alive: Duration,
    connections: usize,
}

impl MakeChannel {
    fn new(name: &str, config: &ClientConfig) -> Self {
        Self {
            name: name.to_owned(),
            dependencies: config.dependencies.clone(),
            caller: config.caller.clone(),
            connect_timeout: Duration::from_millis(config.settings.connect_timeout_ms),
            keep_alive: Duration::from_millis(config.settings.keep_alive_ms.max(1)),
            connections: config.settings.connections.max(1),
        }
    }

    fn member(&self, instance: &Instance) -> Option<Member> {
        let endpoint = Endpoint::from_shared(format!("http://{}", instance.addr))
            .and_then(|endpoint| endpoint.user_agent(format!("shoal/{}", self.caller)));
        let endpoint = endpoint
            .inspect_err(|error| {
                tracing::error!(instance.addr, %error, "an instance has no usable address");
            })
            .ok()?;
        let channel = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(self.keep_alive)
            .keep_alive_timeout(self.connect_timeout)
            // Finds a dead connection before the next call does.
            .keep_alive_while_idle(true)
            .connect_lazy();
        let colour = instance.labels.get(GRAY_LABEL).map(String::as_str);
        let dependency = self.dependencies.of(&self.name, colour);
        Some(Member {
            instance: instance.clone(),
            channel,
            seat: dependency.outliers().seat(&instance.addr),
            dependency,
            in_flight: AtomicUsize::new(0),
        })
    }
}
