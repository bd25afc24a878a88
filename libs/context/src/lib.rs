//! Deadline, cancellation and request metadata, from the client's request down
//! to the last SQL statement and across queues (C7).
//!
//! The [`Context`] lives in a tokio task-local: the server's layer sets it, and
//! whoever needs it (store, RPC client, outbox) asks [`Context::current`].
//! Rejected: passing it as the first argument of every function, as Go does.
//! There it is honest, but a function that forgets it still compiles, and then
//! a deadline is lost; here forgetting is not possible, and a handler that
//! wants the context itself can extract it.
//!
//! A deadline is an [`Instant`] inside a process and a remaining time between
//! processes, so clocks of two machines are never compared. Each hop hands on
//! less than it has, so that the callee gives up before the caller does and the
//! caller can still answer.

mod baggage;
mod class;
mod degraded;
mod metadata;
mod wire;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use shoal_error::{CommonCode, Error, Result};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use degraded::Notes;

pub use baggage::BAGGAGE;
pub use class::{CLASS, Class, SHED};
pub use degraded::DEGRADED;
pub use metadata::{GRAY_SERVICES, GRAY_VERSION, Metadata, REQUEST_ID, TIMEOUT_MS, USER_ID};
pub use wire::{format_grpc_timeout, parse_grpc_timeout};

tokio::task_local! {
    static CURRENT: Context;
}

/// What belongs to one request wherever it is being worked on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    deadline: Option<Instant>,
    cancel: CancellationToken,
    meta: Arc<Metadata>,
    notes: Notes,
}

impl Context {
    /// A context without deadline and without a caller, for work that the
    /// process does on its own. Its class is [`Class::Internal`].
    pub fn background() -> Self {
        static META: LazyLock<Arc<Metadata>> = LazyLock::new(|| {
            Arc::new(Metadata {
                class: Class::Internal,
                ..Metadata::default()
            })
        });
        Self {
            deadline: None,
            cancel: CancellationToken::new(),
            meta: Arc::clone(&META),
            notes: Notes::default(),
        }
    }

    /// A context that starts here, with the given metadata.
    pub fn new(meta: Metadata, timeout: Option<Duration>) -> Self {
        Self {
            deadline: timeout.map(|t| Instant::now() + t),
            cancel: CancellationToken::new(),
            meta: Arc::new(meta),
            notes: Notes::default(),
        }
    }

    /// The context of the running task, or a background one.
    pub fn current() -> Self {
        CURRENT
            .try_with(Clone::clone)
            .unwrap_or_else(|_| Self::background())
    }

    /// When the work must be done.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Time left; `None` without a deadline, zero when it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|d| d.saturating_duration_since(Instant::now()))
    }

    /// Time left for a callee: what remains less 5 %, at least 1 ms and at
    /// most 50 ms, so that its answer can still travel back.
    pub fn remaining_for_callee(&self) -> Option<Duration> {
        self.remaining().map(|left| {
            let margin = (left / 20).clamp(Duration::from_millis(1), Duration::from_millis(50));
            left.saturating_sub(margin)
        })
    }

    /// Token that fires when the caller goes away.
    pub fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Request metadata.
    pub fn meta(&self) -> &Metadata {
        &self.meta
    }

    /// Ends everything below this context.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends everything below this context when the guard is dropped, as the
    /// server does when a client hangs up.
    #[must_use]
    pub fn cancel_on_drop(&self) -> DropGuard {
        self.cancel.clone().drop_guard()
    }

    /// The same request under a tighter deadline; a looser one has no effect.
    #[must_use]
    pub fn child_with_timeout(&self, timeout: Duration) -> Self {
        let own = Instant::now() + timeout;
        Self {
            deadline: Some(self.deadline.map_or(own, |d| d.min(own))),
            cancel: self.cancel.child_token(),
            ..self.clone()
        }
    }

    /// The same request and metadata, freed from deadline and caller: for work
    /// that must finish once begun, such as a saga.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            deadline: None,
            cancel: CancellationToken::new(),
            meta: Arc::clone(&self.meta),
            notes: Notes::default(),
        }
    }

    /// The same request, caller and metadata, without its deadline: for a
    /// stream that goes on for as long as somebody listens.
    #[must_use]
    pub fn without_deadline(&self) -> Self {
        Self {
            deadline: None,
            ..self.clone()
        }
    }

    /// The same request, which arrived at `arrived`: its time runs from there,
    /// not from when somebody came to look at it.
    #[must_use]
    pub fn arrived_at(self, arrived: Instant) -> Self {
        let waited = arrived.elapsed();
        Self {
            deadline: self
                .deadline
                .map(|by| by.checked_sub(waited).unwrap_or(arrived)),
            ..self
        }
    }

    /// The same context, no more urgent than `class`.
    #[must_use]
    pub fn lowered_to(self, class: Class) -> Self {
        let lowered = self.meta.class.lowered_to(class);
        if lowered == self.meta.class {
            return self;
        }
        self.with_meta(|meta| meta.class = lowered)
    }

    /// The same context with other metadata.
    #[must_use]
    pub fn with_meta(&self, change: impl FnOnce(&mut Metadata)) -> Self {
        let mut meta = (*self.meta).clone();
        change(&mut meta);
        Self {
            meta: Arc::new(meta),
            ..self.clone()
        }
    }

    /// Notes that a part of the answer was replaced, as [`DEGRADED`] lists it.
    /// All contexts of one request share the list.
    pub fn degrade(&self, entry: &str) {
        self.notes.add(entry);
    }

    /// Takes over what the head of a callee's answer says was replaced.
    pub fn degraded_from(&self, headers: &http::HeaderMap) {
        if headers.contains_key(&DEGRADED) {
            self.notes.read(headers);
        }
    }

    /// Writes what was replaced into the head of the answer.
    pub fn degraded_to(&self, headers: &mut http::HeaderMap) {
        self.notes.write(headers);
    }

    /// An error when the work should not go on.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        match self.remaining() {
            Some(Duration::ZERO) => Err(deadline_exceeded()),
            _ => Ok(()),
        }
    }

    /// Runs `work` as part of this context: it is dropped, and an error
    /// returned, once the deadline passes or the caller goes away.
    ///
    /// # Errors
    /// [`CommonCode::DeadlineExceeded`], [`CommonCode::Cancelled`], or those of
    /// the work itself.
    pub async fn scope<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.check()?;
        self.stop_or(self.attach(work)).await?
    }

    /// Ends `work` with this context, without making it the current one.
    ///
    /// # Errors
    /// [`CommonCode::DeadlineExceeded`] or [`CommonCode::Cancelled`].
    pub async fn stop_or<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            // Work that is done counts, even when the deadline passed with it.
            biased;
            out = work => Ok(out),
            () = self.cancel.cancelled() => Err(cancelled()),
            () = sleep_until(self.deadline) => Err(deadline_exceeded()),
        }
    }

    /// Makes this the current context of `work`, without ending it.
    pub fn attach<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work)
    }

    /// Makes this the current context of a synchronous piece of work.
    pub fn attach_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}

/// When a request reached the process; an extension of the request, put there
/// by whoever reads the connection.
#[derive(Clone, Copy, Debug)]
pub struct Arrived(pub Instant);

/// The error of work that a caller no longer waits for.
fn cancelled() -> Error {
    Error::new(CommonCode::Cancelled, "The caller ended the request.")
}

/// The error of work that took longer than its caller allowed.
fn deadline_exceeded() -> Error {
    Error::new(
        CommonCode::DeadlineExceeded,
        "The deadline passed before the work was done.",
    )
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Lets a handler ask for the context; it is there whether asked for or not.
impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        _parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::current())
    }
}

#[cfg(test)]
mod tests;
