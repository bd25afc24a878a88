//! A saga whose steps do as they are told, and the instances that carry it out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_context::Context;
use shoal_error::{CommonCode, Error};
use shoal_saga::{Failure, Outcome, Saga, SagaSettings, Sagas, SagasBuilder, Step, StepContext};
use shoal_store::Store;
use shoal_task::{Scope, system_clock};
use shoal_testkit::TestDb;
use tokio::sync::Notify;

/// Longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What one attempt does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Takes effect and fails as if its answer were lost.
    LoseAnswer,
    /// Fails without effect, and may be tried again.
    Fail,
    /// Fails without effect, for good.
    Refuse,
    /// Takes longer than it may.
    Hang,
    /// Panics.
    Panic,
}

/// What happened to the world: each entry is `step` or `step.undo`, in order.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) effects: Mutex<Vec<String>>,
    pub(crate) attempts: Mutex<Vec<Attempt>>,
    script: Mutex<HashMap<String, VecDeque<Act>>>,
    /// Told whenever an attempt begins to hang.
    pub(crate) hanging: Notify,
}

/// One attempt as the step saw it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) at: tokio::time::Instant,
    pub(crate) trace: Option<String>,
    pub(crate) gray: Option<String>,
    pub(crate) request: Option<String>,
    pub(crate) cause: Option<String>,
}

impl World {
    /// Says what the next attempts of a step (or of `step.undo`) do; after these
    /// they succeed.
    pub(crate) fn script(&self, name: &str, acts: impl IntoIterator<Item = Act>) {
        self.script
            .lock()
            .unwrap()
            .insert(name.to_owned(), acts.into_iter().collect());
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        self.effects.lock().unwrap().clone()
    }

    pub(crate) fn attempts_of(&self, name: &str) -> Vec<Attempt> {
        let all = self.attempts.lock().unwrap();
        all.iter()
            .filter(|attempt| attempt.name == name)
            .cloned()
            .collect()
    }

    async fn act(&self, name: &str, step: &StepContext) -> Result<(), Failure> {
        let meta = Context::current().meta().clone();
        self.attempts.lock().unwrap().push(Attempt {
            name: name.to_owned(),
            key: step.idempotency_key().to_owned(),
            at: tokio::time::Instant::now(),
            trace: shoal_telemetry::propagate::current_trace_id(),
            gray: meta.gray_version,
            request: meta.request_id,
            cause: step.cause().map(|cause| cause.message().to_owned()),
        });
        let act = self
            .script
            .lock()
            .unwrap()
            .get_mut(name)
            .and_then(VecDeque::pop_front);
        match act {
            None => self.effects.lock().unwrap().push(name.to_owned()),
            Some(Act::LoseAnswer) => {
                self.effects.lock().unwrap().push(name.to_owned());
                return Err(Error::new(CommonCode::Unavailable, "answer lost").into());
            }
            Some(Act::Fail) => {
                let failure = Failure::from(Error::new(CommonCode::Unavailable, "away"));
                return Err(failure.without_effect());
            }
            Some(Act::Refuse) => return Err(Error::new(CommonCode::Conflict, "refused").into()),
            Some(Act::Hang) => {
                self.hanging.notify_one();
                std::future::pending::<()>().await;
            }
            Some(Act::Panic) => panic!("a step that panics"),
        }
        Ok(())
    }
}

/// Three steps that can be undone, and a last one from which there is no way back.
pub(crate) struct Trip(pub(crate) Arc<World>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Itinerary {
    pub(crate) booked: Vec<String>,
}

macro_rules! step {
    ($name:ident, $label:literal, |$data:ident| $change:expr) => {
        async fn $name(
            trip: Arc<Trip>,
            step: StepContext,
            mut $data: Itinerary,
        ) -> Result<Itinerary, Failure> {
            trip.0.act($label, &step).await?;
            $change;
            Ok($data)
        }
    };
}

step!(flight, "flight", |data| data.booked.push("flight".into()));
step!(cancel_flight, "flight.undo", |data| data
    .booked
    .retain(|b| b != "flight"));
step!(hotel, "hotel", |data| data.booked.push("hotel".into()));
step!(cancel_hotel, "hotel.undo", |data| data
    .booked
    .retain(|b| b != "hotel"));
step!(look, "look", |data| data.booked.push("view".into()));
step!(pay, "pay", |data| data.booked.push("paid".into()));
step!(send, "send", |data| data.booked.push("sent".into()));

impl Saga for Trip {
    const NAME: &'static str = "trip";
    type Data = Itinerary;

    fn steps(&self) -> Vec<Step<Self>> {
        let short = Duration::from_millis(300);
        vec![
            Step::new("flight", flight)
                .undo(cancel_flight)
                .timeout(short),
            Step::new("hotel", hotel).undo(cancel_hotel).timeout(short),
            Step::new("look", look),
            Step::new("pay", pay).pivot(),
            Step::new("send", send),
        ]
    }
}

/// One instance of a service that has sagas.
pub(crate) struct Instance {
    pub(crate) sagas: Sagas,
    pub(crate) store: Store,
    pub(crate) world: Arc<World>,
    pub(crate) scope: Scope,
}

impl Instance {
    /// Starts an instance on a database of its own.
    pub(crate) async fn new(db: &TestDb) -> Self {
        Self::with(db, Arc::default(), |_| {}).await
    }

    pub(crate) async fn with(
        db: &TestDb,
        world: Arc<World>,
        change: impl FnOnce(&mut SagaSettings),
    ) -> Self {
        Self::built(db, world, change, |builder| builder).await
    }

    /// An instance that leaves abandoned sagas to others.
    pub(crate) async fn on_trial(db: &TestDb, world: Arc<World>) -> Self {
        Self::built(db, world, |_| {}, SagasBuilder::only_own).await
    }

    async fn built(
        db: &TestDb,
        world: Arc<World>,
        change: impl FnOnce(&mut SagaSettings),
        shape: impl FnOnce(SagasBuilder) -> SagasBuilder,
    ) -> Self {
        shoal_telemetry::Telemetry::init_for_tests();
        let store = db.store("trips", shoal_saga::migrations()).await;
        let mut settings = SagaSettings {
            backoff_base_ms: 5,
            backoff_max_ms: 20,
            lease_ms: 400,
            claim_every_ms: 40,
            ..SagaSettings::default()
        };
        change(&mut settings);
        let scope = Scope::root("trips");
        let (clock, own) = (system_clock(), scope.clone());
        let builder = Sagas::builder("trips", store.clone(), clock, own, settings);
        let builder = builder.saga(Trip(Arc::clone(&world)));
        let sagas = shape(builder).start().unwrap();
        Self {
            sagas,
            store,
            world,
            scope,
        }
    }

    /// Records a saga without beginning it.
    pub(crate) async fn begin(&self) -> String {
        let mut tx = self.store.begin().await.unwrap();
        let data = Itinerary::default();
        let start = self.sagas.start::<Trip>(&mut tx, "trip-1", &data);
        let id = start.await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Records a saga and waits for its end.
    pub(crate) async fn run(&self) -> (String, Outcome<Itinerary>) {
        let id = self.begin().await;
        let outcome = self.wait(&id).await;
        (id, outcome)
    }

    pub(crate) async fn wait(&self, id: &str) -> Outcome<Itinerary> {
        self.sagas.wait::<Trip>(id, PATIENCE).await.unwrap()
    }

    /// The log as `entry direction step attempt` lines.
    pub(crate) async fn log(&self, id: &str) -> Vec<String> {
        let (_, lines) = self.sagas.inspect(id).await.unwrap();
        assert!(
            lines.iter().zip(1..).all(|(line, seq)| line.seq == seq),
            "no gaps"
        );
        let text = lines.into_iter();
        text.map(|l| format!("{} {} {} {}", l.entry, l.direction, l.step, l.attempt))
            .collect()
    }

    /// Ends everything where it stands, as a crash would.
    pub(crate) async fn crash(&self) {
        self.scope.drain(Duration::ZERO).await;
    }

    /// Ends in order.
    pub(crate) async fn stop(self) {
        let report = self.scope.drain(PATIENCE).await;
        assert!(report.aborted.is_empty(), "{:?}", report.aborted);
    }
}
