//! What a service calls: start a saga in its own transaction, wait for its end.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use shoal_store::{Store, Tx};
use shoal_task::{Scope, Sender, SharedClock, channel};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::definition::{Definition, Saga};
use crate::drive;
use crate::faults::Faults;
use crate::log::{self, Record};
use crate::machine::{self, Event, Phase, State};
use crate::metrics::SagaMetrics;
use crate::settings::SagaSettings;

/// How often a waiter looks at the database, in case that another instance
/// carries the saga out.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const TRACEPARENT: &str = "traceparent";

/// The sagas of one service instance. Cheap to clone.
#[derive(Clone)]
pub struct Sagas(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) settings: SagaSettings,
    pub(crate) faults: Faults,
    /// This instance, for leases; new with every start of the process.
    pub(crate) owner: String,
    pub(crate) definitions: HashMap<&'static str, Definition>,
    pub(crate) metrics: SagaMetrics,
    pub(crate) scope: Scope,
    /// Whether it goes on with what other instances left.
    pub(crate) takes_over: bool,
    queue: Sender<String>,
    active: Mutex<HashSet<String>>,
    waiters: Mutex<HashMap<String, Vec<Arc<Notify>>>>,
}

/// How a saga stands at the end of a wait.
#[derive(Debug)]
pub enum Outcome<D> {
    /// Every step is done.
    Completed(D),
    /// Everything that was begun is compensated.
    Undone {
        /// The data as the last compensation left it.
        data: D,
        /// Why: the error of the step that failed.
        failure: Error,
    },
    /// A compensation, or a step after the pivot, failed for good; a person has
    /// been asked.
    Parked,
    /// Not at its end yet; it goes on by itself.
    Running,
}

/// Collects what the sagas of a service need.
pub struct SagasBuilder {
    service: String,
    store: Store,
    clock: SharedClock,
    scope: Scope,
    settings: SagaSettings,
    definitions: HashMap<&'static str, Definition>,
    takes_over: bool,
}

impl SagasBuilder {
    /// Leaves sagas of instances that are gone to others: for an instance on
    /// trial, which must not get hold of work that was not sent to it.
    #[must_use]
    pub fn only_own(mut self) -> Self {
        self.takes_over = false;
        self
    }

    /// Adds a kind of saga, with what its steps work with.
    #[must_use]
    pub fn saga<S: Saga>(mut self, saga: S) -> Self {
        let max_attempts = self.settings.retries + 1;
        self.definitions
            .insert(S::NAME, Definition::of(saga, max_attempts));
        self
    }

    /// Begins to carry out sagas: new ones, and those whose owner is gone.
    ///
    /// # Errors
    /// When the list of faults cannot be read, or a saga has no steps.
    pub fn start(self) -> Result<Sagas> {
        if let Some(empty) = self.definitions.values().find(|d| d.plan.steps.is_empty()) {
            return Err(Error::internal(format!("saga {} has no steps", empty.name)));
        }
        let faults = self.settings.read_faults();
        let faults = faults.map_err(|e| Error::new(CommonCode::InvalidField, e.to_string()))?;
        if !faults.is_empty() {
            tracing::warn!(?faults, "fault injection is on");
        }
        let (queue, waiting) = channel(
            "sagas",
            usize::try_from(self.settings.queue).unwrap_or(usize::MAX),
        );
        let sagas = Sagas(Arc::new(Inner {
            store: self.store,
            clock: self.clock,
            faults,
            owner: shoal_store::id::new("own"),
            definitions: self.definitions,
            metrics: SagaMetrics::new(&self.service),
            scope: self.scope.child("saga"),
            takes_over: self.takes_over,
            queue,
            active: Mutex::default(),
            waiters: Mutex::default(),
            settings: self.settings,
        }));
        for definition in sagas.0.definitions.values() {
            for step in &definition.plan.steps {
                sagas.0.metrics.begin(definition.name, step.name);
            }
        }
        drive::start(&sagas.0, waiting);
        Ok(sagas)
    }
}

impl Sagas {
    /// Collects the sagas of `service`. The tasks live in `scope`.
    pub fn builder(
        service: &str,
        store: Store,
        clock: SharedClock,
        scope: Scope,
        settings: SagaSettings,
    ) -> SagasBuilder {
        SagasBuilder {
            service: service.to_owned(),
            store,
            clock,
            scope,
            settings,
            definitions: HashMap::new(),
            takes_over: true,
        }
    }

    /// Records a saga about `subject` in the caller's transaction: it will happen
    /// if and only if that commits. Follow with [`Sagas::wait`] or
    /// [`Sagas::launch`] after the commit; when the process dies before, another
    /// instance begins it once the lease has ended.
    ///
    /// # Errors
    /// Those of the database, and data that cannot be written as JSON.
    pub async fn start<S: Saga>(
        &self,
        tx: &mut Tx,
        subject: &str,
        data: &S::Data,
    ) -> Result<String> {
        let definition = self.definition::<S>()?;
        let now = self.0.clock.now_ms();
        let mut context = HashMap::new();
        Context::current().meta().to_map(&mut context);
        shoal_telemetry::propagate::inject_map(&mut context);
        if !context.contains_key(TRACEPARENT) {
            // Started outside of any trace: it gets one that outlives the process.
            let span = tracing::info_span!("start saga", saga.name = S::NAME);
            span.in_scope(|| shoal_telemetry::propagate::inject_map(&mut context));
        }
        // The first attempt is logged here already, which spares a transaction.
        let (state, effects) =
            machine::step(&definition.plan, State::new(), Event::Due).map_err(Error::internal)?;
        let lines = definition.lines(&effects, "");
        let record = Record {
            id: shoal_store::id::new("sga"),
            name: S::NAME.to_owned(),
            subject: subject.to_owned(),
            phase: state.phase,
            step: definition.plan.steps[state.step].name.to_owned(),
            attempt: state.attempt,
            running: state.running,
            dirty: state.dirty,
            data: serde_json::to_value(data).map_err(Error::internal)?,
            failure: None,
            context,
            revision: 0,
            owner: self.0.owner.clone(),
            lease_until: self.0.lease_from(now),
            created_at: now,
            updated_at: now,
            logged: 0,
        };
        log::insert(tx, &record, &lines).await?;
        Ok(record.id)
    }

    /// Begins a committed saga now. When this instance is full it is begun once
    /// the lease has ended, by whoever has a place.
    pub fn launch(&self, id: &str) {
        if let Err(full) = self.0.queue.try_send(id.to_owned()) {
            tracing::warn!(
                saga.id = id,
                "saga waits in the database: {}",
                full.message()
            );
        }
    }

    /// Begins a committed saga and waits for its end, at most for `limit`.
    ///
    /// # Errors
    /// [`CommonCode::NotFound`] for an id that is not there, data that does not fit `S`, and those of
    /// the database.
    pub async fn wait<S: Saga>(&self, id: &str, limit: Duration) -> Result<Outcome<S::Data>> {
        let end = Instant::now() + limit;
        let waiter = Waiter::new(&self.0, id);
        self.launch(id);
        loop {
            tokio::select! {
                () = waiter.notify.notified() => {}
                () = tokio::time::sleep_until(end.min(Instant::now() + LOOK_EVERY)) => {}
            }
            let outcome = self.outcome::<S>(id).await?;
            if !matches!(outcome, Outcome::Running) || Instant::now() >= end {
                return Ok(outcome);
            }
        }
    }

    /// How a saga stands.
    ///
    /// # Errors
    /// Like [`Sagas::wait`].
    pub async fn outcome<S: Saga>(&self, id: &str) -> Result<Outcome<S::Data>> {
        let mut conn = self.0.store.read().await?;
        let record = log::load(&mut conn, id).await?;
        let record = record.ok_or_else(|| Error::not_found("saga", id))?;
        let data = || serde_json::from_value(record.data.clone()).map_err(Error::internal);
        Ok(match record.phase {
            Phase::Active(_) => Outcome::Running,
            Phase::Parked(_) => Outcome::Parked,
            Phase::Completed => Outcome::Completed(data()?),
            Phase::Undone => Outcome::Undone {
                data: data()?,
                failure: record.failure(),
            },
        })
    }

    fn definition<S: Saga>(&self) -> Result<&Definition> {
        self.0
            .definitions
            .get(S::NAME)
            .ok_or_else(|| Error::internal(format!("saga {} is not registered", S::NAME)))
    }
}

impl Record {
    /// Why the saga turned back.
    pub(crate) fn failure(&self) -> Error {
        self.failure.clone().map_or_else(
            || {
                let what = "The process ended in the middle of a step, repeatedly.";
                Error::new(CommonCode::Internal, what)
            },
            Error::from_problem,
        )
    }
}

impl Inner {
    /// When a lease taken now ends.
    pub(crate) fn lease_from(&self, now: i64) -> i64 {
        now.saturating_add(i64::try_from(self.settings.lease_ms).unwrap_or(i64::MAX))
    }

    /// Queues a saga that was claimed; `false` when there is no place.
    pub(crate) fn enqueue(&self, id: String) -> bool {
        self.queue.try_send(id).is_ok()
    }

    /// Sagas that a task of this instance carries out.
    pub(crate) fn carried_out(&self) -> Vec<String> {
        lock(&self.active).iter().cloned().collect()
    }

    /// Makes this task the only one of the instance that carries the saga out.
    pub(crate) fn enter(self: &Arc<Self>, id: &str) -> Option<ActiveSaga> {
        let entered = lock(&self.active).insert(id.to_owned());
        entered.then(|| ActiveSaga {
            inner: Arc::clone(self),
            id: id.to_owned(),
        })
    }

    fn wake(&self, id: &str) {
        if let Some(waiters) = lock(&self.waiters).get(id) {
            waiters.iter().for_each(|w| w.notify_one());
        }
    }
}

/// Wakes the waiters when the saga is let go of.
pub(crate) struct ActiveSaga {
    inner: Arc<Inner>,
    id: String,
}

impl Drop for ActiveSaga {
    fn drop(&mut self) {
        lock(&self.inner.active).remove(&self.id);
        self.inner.wake(&self.id);
    }
}

struct Waiter<'a> {
    inner: &'a Inner,
    id: &'a str,
    notify: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn new(inner: &'a Inner, id: &'a str) -> Self {
        let notify = Arc::new(Notify::new());
        lock(&inner.waiters)
            .entry(id.to_owned())
            .or_default()
            .push(Arc::clone(&notify));
        Self { inner, id, notify }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiters = lock(&self.inner.waiters);
        if let Some(list) = waiters.get_mut(self.id) {
            list.retain(|other| !Arc::ptr_eq(other, &self.notify));
            if list.is_empty() {
                waiters.remove(self.id);
            }
        }
    }
}

impl fmt::Debug for Sagas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sagas")
            .field("owner", &self.0.owner)
            .finish_non_exhaustive()
    }
}

/// Nothing panics while one of these is held, and they stay whole if it did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
