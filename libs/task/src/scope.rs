//! The tree of scopes and the tasks in them.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use futures::FutureExt as _;
use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// An owner of tasks. Clones are the same scope; the tasks end with
/// [`Scope::drain`] or [`Scope::cancel`].
#[derive(Clone, Debug)]
pub struct Scope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    token: CancellationToken,
    tasks: Arc<Tasks>,
}

/// Shared by a whole tree, so that the root knows every task below it.
#[derive(Debug, Default)]
struct Tasks {
    live: Mutex<BTreeMap<u64, Live>>,
    next: AtomicU64,
    changed: Notify,
}

#[derive(Debug)]
struct Live {
    info: TaskInfo,
    abort: CancellationToken,
}

/// A task that has not ended yet.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Path of the owning scopes, e.g. `order/relay`.
    pub owner: String,
    /// Name of the task within its owner.
    pub name: &'static str,
    /// When it was spawned.
    pub since: Instant,
}

/// How a drain ended.
#[derive(Debug)]
pub struct DrainReport {
    /// How long it took.
    pub took: Duration,
    /// Tasks that did not end by themselves and were aborted.
    pub aborted: Vec<TaskInfo>,
}

impl Scope {
    /// The scope at the top of a tree, such as a service.
    pub fn root(name: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            token: CancellationToken::new(),
            tasks: Arc::default(),
        }))
    }

    /// A scope that is cancelled with this one, and on its own too.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self(Arc::new(Inner {
            name: format!("{}/{name}", self.0.name),
            token: self.0.token.child_token(),
            tasks: Arc::clone(&self.0.tasks),
        }))
    }

    /// Path of names from the root.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Spawns work of the running request: it keeps the context (deadline,
    /// cancellation, metadata) and the tracing span.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Handle<T> {
        let context = Context::current();
        let bound = async move { context.stop_or(context.attach(work)).await };
        self.start(name, bound.in_current_span())
    }

    /// Spawns work that outlives the request which asked for it, such as a
    /// saga or a background loop. It keeps the metadata and the span, not the
    /// deadline, and ends when the scope is drained.
    pub fn spawn_detached_context<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Handle<T> {
        let work = Context::current().detached().attach(work);
        self.start(name, work.map(Ok).in_current_span())
    }

    fn start<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Handle<T> {
        let abort = CancellationToken::new();
        let entry = Entry::new(&self.0.tasks, &self.0.name, name, abort.clone());
        let owner = self.0.name.clone();
        // On the heap: a large future would otherwise be copied through every
        // frame below, and overflow the stack of an unoptimised build.
        let work = Box::pin(work);
        #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
        let join = tokio::spawn(async move {
            let _entry = entry;
            tokio::select! {
                biased;
                // Aborted by a drain that ran out of patience.
                () = abort.cancelled() => Err(stopped(&owner, name)),
                out = AssertUnwindSafe(work).catch_unwind() => out.unwrap_or_else(|_| {
                    tracing::error!(task.owner = owner, task.name = name, "a task panicked");
                    Err(Error::internal(format!("task {owner}/{name} panicked")))
                }),
            }
        });
        Handle { join }
    }

    /// Resolves when the scope is told to end. Loops wait for this.
    pub async fn cancelled(&self) {
        self.0.token.cancelled().await;
    }

    /// Whether the scope was told to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.token.is_cancelled()
    }

    /// The token behind [`Scope::cancelled`].
    pub fn token(&self) -> &CancellationToken {
        &self.0.token
    }

    /// Tells every task below to end, without waiting.
    pub fn cancel(&self) {
        self.0.token.cancel();
    }

    /// Tasks of this scope and those below it, oldest first.
    pub fn live(&self) -> Vec<TaskInfo> {
        let live = self.0.tasks.lock();
        live.values()
            .map(|task| &task.info)
            .filter(|info| self.owns(info))
            .cloned()
            .collect()
    }

    /// Tells every task to end, waits for them, and aborts those that are
    /// still there after `bound`.
    pub async fn drain(&self, bound: Duration) -> DrainReport {
        let start = Instant::now();
        self.0.token.cancel();
        if tokio::time::timeout(bound, self.empty()).await.is_ok() {
            return DrainReport {
                took: start.elapsed(),
                aborted: Vec::new(),
            };
        }
        let mut aborted = Vec::new();
        for task in self
            .0
            .tasks
            .lock()
            .values()
            .filter(|task| self.owns(&task.info))
        {
            task.abort.cancel();
            aborted.push(task.info.clone());
        }
        for task in &aborted {
            tracing::warn!(
                task.owner = task.owner,
                task.name = task.name,
                "aborted at drain"
            );
        }
        self.empty().await;
        DrainReport {
            took: start.elapsed(),
            aborted,
        }
    }

    /// Resolves when no task is left, without telling any to end.
    pub async fn empty(&self) {
        loop {
            let changed = self.0.tasks.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no end is missed.
            changed.as_mut().enable();
            if !self
                .0
                .tasks
                .lock()
                .values()
                .any(|task| self.owns(&task.info))
            {
                return;
            }
            changed.await;
        }
    }

    fn owns(&self, task: &TaskInfo) -> bool {
        task.owner
            .strip_prefix(self.0.name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The outcome of a task. Dropping it leaves the task to its scope.
#[derive(Debug)]
pub struct Handle<T> {
    join: tokio::task::JoinHandle<Result<T>>,
}

impl<T> Handle<T> {
    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

/// The task's value, or why there is none: the context ended it
/// (`DeadlineExceeded`, `Cancelled`), its scope aborted it (`Unavailable`), or
/// it panicked (`Internal`).
impl<T> Future for Handle<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.join).poll(cx)) {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal(error)),
        })
    }
}

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Live>> {
        // Nothing panics while it is held, and the map stays whole if it did.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a task in the list for as long as its future exists.
struct Entry {
    id: u64,
    tasks: Arc<Tasks>,
}

impl Entry {
    fn new(tasks: &Arc<Tasks>, owner: &str, name: &'static str, abort: CancellationToken) -> Self {
        let id = tasks.next.fetch_add(1, Ordering::Relaxed);
        let info = TaskInfo {
            owner: owner.to_owned(),
            name,
            since: Instant::now(),
        };
        tasks.lock().insert(id, Live { info, abort });
        Self {
            id,
            tasks: Arc::clone(tasks),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.tasks.lock().remove(&self.id);
        self.tasks.changed.notify_waiters();
    }
}

fn stopped(owner: &str, name: &str) -> Error {
    Error::new(CommonCode::Unavailable, "The service is shutting down.")
        .with_internal(format!("task {owner}/{name} aborted at drain"))
}
