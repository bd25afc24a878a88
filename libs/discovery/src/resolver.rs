//! The interface between whoever knows the instances and whoever calls them.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Instance;

/// The instances of one service at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Grows with every change; of two lists the higher one is newer.
    pub revision: u64,
    /// Whether the source is away and the list is the last one it gave.
    pub stale: bool,
    /// All instances, draining ones too, ordered by id.
    pub list: Arc<[Instance]>,
}

/// Knows where services run.
pub trait Resolver: Send + Sync + std::fmt::Debug + 'static {
    /// The instances of `service` as known now; none when it is unknown. Never
    /// waits.
    fn resolve(&self, service: &str) -> Instances {
        self.watch(service).current()
    }

    /// Follows the instances of `service`. An unknown service is an empty list
    /// that may fill later. Resolvers share one source among all watches of a
    /// service.
    fn watch(&self, service: &str) -> Watch;
}

/// A list of instances that changes. Clones see changes on their own.
#[derive(Clone, Debug)]
pub struct Watch(watch::Receiver<Instances>);

impl Watch {
    /// Wraps the receiving end of a resolver's list.
    pub fn new(receiver: watch::Receiver<Instances>) -> Self {
        Self(receiver)
    }

    /// The list as known now.
    pub fn current(&self) -> Instances {
        self.0.borrow().clone()
    }

    /// The list as known now, when it is another than this watch saw last.
    /// For callers that look before each use instead of waiting in a task.
    pub fn take_change(&mut self) -> Option<Instances> {
        // A resolver that is gone leaves its last list standing.
        self.0.has_changed().ok().filter(|changed| *changed)?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits for the next list. `None` when the resolver is gone: the last
    /// list then stays as it is.
    pub async fn changed(&mut self) -> Option<Instances> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }
}
