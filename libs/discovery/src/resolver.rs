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

/// A list of instances that changes. Clones see changes on their own. It
/// outlives its resolver: the last list then stays.
#[derive(Clone, Debug)]
pub struct Watch {
    receiver: watch::Receiver<Instances>,
    seen: Option<u64>,
}

impl Watch {
    /// Wraps the receiving end of a resolver's list. What it holds now counts
    /// as a change that this watch did not see yet.
    pub fn new(mut receiver: watch::Receiver<Instances>) -> Self {
        receiver.mark_changed();
        Self {
            receiver,
            seen: None,
        }
    }

    /// The list as known now.
    pub fn current(&self) -> Instances {
        self.receiver.borrow().clone()
    }

    /// Whether there is a list that this watch did not take yet. Costs one
    /// atomic read.
    pub fn has_changed(&self) -> bool {
        match self.receiver.has_changed() {
            Ok(changed) => changed,
            // The resolver is gone; its last list may be news all the same.
            Err(_) => self.seen != Some(self.receiver.borrow().revision),
        }
    }

    /// The list as known now, when it is another than this watch saw last.
    /// For callers that look before each use instead of waiting in a task.
    pub fn take_change(&mut self) -> Option<Instances> {
        self.has_changed().then(|| self.take())
    }

    /// Waits for the next list; the first time it gives what is known now.
    /// `None` when the resolver is gone and its last list was taken.
    pub async fn changed(&mut self) -> Option<Instances> {
        if !self.has_changed() {
            self.receiver.changed().await.ok()?;
        }
        Some(self.take())
    }

    fn take(&mut self) -> Instances {
        let list = self.receiver.borrow_and_update().clone();
        self.seen = Some(list.revision);
        list
    }
}
