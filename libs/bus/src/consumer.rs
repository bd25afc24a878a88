//! Receiving events for a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;
use shoal_error::Result;
use shoal_store::dead_letters::{self, DeadLetter};
use shoal_store::{EventEnvelope, Store, Tx, quietly};
use shoal_task::Scope;

use crate::delivery::Delivery;
use crate::{Bus, ConsumerConfig};

/// Queued dead letters looked at in one go.
const REDRIVE_BATCH: u32 = 32;

/// Deals with events. The transaction holds the inbox's row too: what the
/// handler does through it happens once; what it does besides may happen again.
/// On SQLite the transaction is the only writer, so a handler should not wait
/// for others in it.
pub trait Handler: Send + Sync + 'static {
    /// Applies one event. An error rolls back and leads to another attempt,
    /// [`crate::BusCode::UnreadableEvent`] to none.
    fn handle<'a>(&'a self, tx: &'a mut Tx, event: &'a EventEnvelope) -> BoxFuture<'a, Result<()>>;
}

impl<F> Handler for F
where
    F: for<'a> Fn(&'a mut Tx, &'a EventEnvelope) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
{
    fn handle<'a>(&'a self, tx: &'a mut Tx, event: &'a EventEnvelope) -> BoxFuture<'a, Result<()>> {
        self(tx, event)
    }
}

/// A closure as a handler: `handler_fn(|tx, event| Box::pin(async move { … }))`.
/// Does nothing but tell the compiler the closure's lifetimes.
pub fn handler_fn<F>(f: F) -> F
where
    F: for<'a> Fn(&'a mut Tx, &'a EventEnvelope) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
{
    f
}

/// A consumer group to be. The group's name tells receivers of the same event
/// apart; instances of one service share it and share the events.
pub struct Consumer {
    group: String,
    types: Vec<String>,
    handler: Arc<dyn Handler>,
    config: ConsumerConfig,
}

impl Consumer {
    /// A consumer of the event types `types`, e.g. `order.confirmed.v1`.
    pub fn new<T: Into<String>>(
        group: impl Into<String>,
        types: impl IntoIterator<Item = T>,
        handler: impl Handler,
    ) -> Self {
        Self {
            group: group.into(),
            types: types.into_iter().map(Into::into).collect(),
            handler: Arc::new(handler),
            config: ConsumerConfig::default(),
        }
    }

    /// Types of the events that it is for.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(String::as_str)
    }

    /// Other settings than the default ones.
    #[must_use]
    pub fn with_config(mut self, config: ConsumerConfig) -> Self {
        self.config = config;
        self
    }

    /// Joins the bus. Events arrive until the scope is drained; those in
    /// progress then end first. The inbox and dead letters are in `store`.
    pub fn start(self, bus: &Bus, store: &Store, scope: &Scope) {
        let scope = scope.child(&format!("consumer-{}", self.group));
        let delivery = Arc::new(Delivery::new(
            self.group,
            self.types,
            self.handler,
            self.config,
            store.clone(),
            scope.clone(),
        ));
        scope.spawn_detached_context("redrive", quietly(redrive(Arc::clone(&delivery))));
        bus.subscribe(delivery);
    }
}

/// Tries dead letters again that a person has queued.
async fn redrive(delivery: Arc<Delivery>) {
    loop {
        tokio::select! {
            () = delivery.scope.cancelled() => return,
            () = delivery.store.dead_letters_queued() => {}
            () = tokio::time::sleep(delivery.config.redrive_poll) => {}
        }
        if let Err(error) = redrive_queued(&delivery).await {
            tracing::debug!(error = %error.report(), "dead letters could not be redriven now");
        }
    }
}

async fn redrive_queued(delivery: &Delivery) -> Result<()> {
    loop {
        let letters = {
            let mut conn = delivery.store.read().await?;
            dead_letters::queued(&mut conn, &delivery.group, REDRIVE_BATCH).await?
        };
        if letters.is_empty() {
            return Ok(());
        }
        // As from the bus: those of a subject one after the other, subjects side
        // by side.
        let mut subjects: BTreeMap<String, Vec<DeadLetter>> = BTreeMap::new();
        for letter in letters {
            let of_subject = subjects.entry(letter.subject.clone()).or_default();
            of_subject.push(letter);
        }
        let side_by_side = delivery.config.concurrency.max(1);
        let outcomes: Vec<Result<()>> = stream::iter(subjects.into_values())
            .map(|letters| redeliver(delivery, letters))
            .buffer_unordered(side_by_side)
            .collect()
            .await;
        outcomes.into_iter().collect::<Result<()>>()?;
    }
}

async fn redeliver(delivery: &Delivery, letters: Vec<DeadLetter>) -> Result<()> {
    for letter in &letters {
        delivery.redeliver(letter).await?;
    }
    Ok(())
}
