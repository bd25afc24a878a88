//! What a consumer group does with one event, whichever bus brought it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use shoal_error::{Code as _, Error, Result};
use shoal_queue::EVENTS;
use shoal_resilience::Backoff;
use shoal_store::dead_letters::{self, DeadLetter, Parked};
use shoal_store::{EventEnvelope, Store, Tx, inbox, loudly};
use shoal_task::Scope;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::consumer::Handler;
use crate::metrics::{self, Outcome};
use crate::{BusCode, ConsumerConfig, spans};

/// A consumer group with all that an attempt needs.
pub(crate) struct Delivery {
    pub(crate) group: String,
    pub(crate) types: Vec<String>,
    pub(crate) store: Store,
    pub(crate) config: ConsumerConfig,
    pub(crate) scope: Scope,
    handler: Arc<dyn Handler>,
    permits: Semaphore,
}

/// Which row makes sure that the effect happens once.
#[derive(Clone, Copy)]
enum Once {
    /// A row of the inbox, for an event from the bus.
    Inbox,
    /// The queued dead letter, for an event that was parked before.
    Letter,
}

impl Delivery {
    pub(crate) fn new(
        group: String,
        types: Vec<String>,
        handler: Arc<dyn Handler>,
        config: ConsumerConfig,
        store: Store,
        scope: Scope,
    ) -> Self {
        let permits = Semaphore::new(config.concurrency.max(1));
        Self {
            group,
            types,
            store,
            config,
            scope,
            handler,
            permits,
        }
    }

    /// Whether the group wants events of this type.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.types.iter().any(|t| t == kind)
    }

    /// Deals with an event for good: its effect is committed, or it is parked.
    ///
    /// # Errors
    /// When the consumer is shutting down; the bus has to bring it again.
    pub(crate) async fn deliver(&self, event: &EventEnvelope) -> Result<()> {
        self.see_through(event, Once::Inbox).await
    }

    /// Has a queued dead letter tried again; it ends done or parked.
    ///
    /// # Errors
    /// Those of [`Delivery::deliver`].
    pub(crate) async fn redeliver(&self, letter: &DeadLetter) -> Result<()> {
        if let Some(event) = letter.event() {
            return self.see_through(&event, Once::Letter).await;
        }
        let parked = self.unreadable(&letter.event_id, letter.envelope.clone(), &letter.reason);
        self.park(&parked, Once::Letter).await
    }

    async fn see_through(&self, event: &EventEnvelope, once: Once) -> Result<()> {
        let mut attempt = 1;
        let (first, longest) = (self.config.first_pause, self.config.max_pause);
        let mut backoff = Backoff::new(first, longest, rand::random());
        loop {
            let reached = AtomicBool::new(false);
            let Err(error) = Box::pin(self.attempt(event, attempt, once, &reached)).await else {
                return Ok(());
            };
            if self.scope.is_cancelled() {
                return Err(error);
            }
            let hopeless = error.is(BusCode::UnreadableEvent);
            let last = attempt >= self.config.max_attempts && reached.load(Ordering::Relaxed);
            if hopeless || last {
                match self.park_event(event, attempt, &error, once).await {
                    Ok(()) => return Ok(()),
                    // The database is away; the event stays with us until it is back.
                    Err(e) => tracing::warn!(error = %e.report(), "an event could not be parked"),
                }
            }
            // While the database is away no attempt is used up.
            attempt += u32::from(reached.into_inner());
            let pause = backoff.failed();
            tokio::select! {
                () = self.scope.cancelled() => return Err(error),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One attempt, in its own transaction, span and deadline.
    /// Notes in `reached` whether it came to the handler.
    async fn attempt(
        &self,
        event: &EventEnvelope,
        attempt: u32,
        once: Once,
        reached: &AtomicBool,
    ) -> Result<()> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Ok(());
        };
        let span = spans::processing(event, self.store.service(), &self.group, attempt);
        let context = event
            .restore_context()
            .child_with_timeout(self.config.attempt_timeout);
        // Boxed: what handlers hold is large, and each layer here would copy it.
        let run = Box::pin(self.run(event, once, reached));
        let work = AssertUnwindSafe(context.scope(run)).catch_unwind();
        let outcome = loudly(work)
            .instrument(span.clone())
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    BusCode::HandlerPanicked,
                    "The handler panicked.",
                ))
            });
        match &outcome {
            Ok(done) => {
                metrics::attempt(self.store.service(), &self.group, &event.kind, *done);
                let delay = self.store.clock().now_ms() - event.occurred_at;
                metrics::delay(self.store.service(), &self.group, delay);
            }
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", error.code());
                metrics::attempt(
                    self.store.service(),
                    &self.group,
                    &event.kind,
                    Outcome::Failed,
                );
                span.in_scope(|| {
                    tracing::warn!(
                        consumer = self.group,
                        event.kind = event.kind,
                        event.id = event.id,
                        attempt,
                        error = %error.report(),
                        "an event could not be handled"
                    );
                });
            }
        }
        outcome.map(|_| ())
    }

    async fn run(
        &self,
        event: &EventEnvelope,
        once: Once,
        reached: &AtomicBool,
    ) -> Result<Outcome> {
        let mut tx = self.store.begin().await?;
        if !self.first_time(&mut tx, &event.id, once).await? {
            return Ok(Outcome::Duplicate);
        }
        reached.store(true, Ordering::Relaxed);
        self.handler.handle(&mut tx, event).await?;
        tx.commit().await?;
        Ok(Outcome::Handled)
    }

    async fn first_time(&self, tx: &mut Tx, event_id: &str, once: Once) -> Result<bool> {
        match once {
            Once::Inbox => inbox::first_time(tx, &self.group, event_id).await,
            Once::Letter => dead_letters::settle(tx, &self.group, event_id).await,
        }
    }

    async fn park_event(
        &self,
        event: &EventEnvelope,
        attempts: u32,
        error: &Error,
        once: Once,
    ) -> Result<()> {
        let parked = Parked {
            group: &self.group,
            event_id: &event.id,
            kind: &event.kind,
            subject: &event.subject,
            envelope: serde_json::to_value(event).map_err(Error::internal)?,
            code: error.code(),
            reason: &error.report(),
            attempts,
        };
        self.park(&parked, once).await
    }

    /// Parks a message that is not an event at all.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn park_raw(
        &self,
        id: &str,
        raw: serde_json::Value,
        reason: &str,
    ) -> Result<()> {
        let parked = self.unreadable(id, raw, reason);
        self.park(&parked, Once::Inbox).await
    }

    fn unreadable<'a>(
        &'a self,
        event_id: &'a str,
        raw: serde_json::Value,
        reason: &'a str,
    ) -> Parked<'a> {
        Parked {
            group: &self.group,
            event_id,
            kind: "",
            subject: "",
            envelope: raw,
            code: BusCode::UnreadableEvent.spec().id,
            reason,
            attempts: 1,
        }
    }

    async fn park(&self, parked: &Parked<'_>, once: Once) -> Result<()> {
        let mut tx = self.store.begin().await?;
        // From now on the dead letter stands for the event: another delivery by
        // the bus must not run beside a redrive, and of instances that redrive
        // the same letter one parks it.
        if !self.first_time(&mut tx, parked.event_id, once).await? {
            return Ok(());
        }
        dead_letters::park(&mut tx, parked).await?;
        tx.commit().await?;
        let service = self.store.service();
        metrics::attempt(service, &self.group, parked.kind, Outcome::Parked);
        shoal_queue::died(service, EVENTS, 1);
        tracing::error!(
            consumer = self.group,
            event.kind = parked.kind,
            event.id = parked.event_id,
            attempts = parked.attempts,
            error = parked.reason,
            "an event was parked"
        );
        Ok(())
    }
}
