//! From the outbox to the bus.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use shoal_discovery::Leadership;
use shoal_error::{Error, Result};
use shoal_resilience::Backoff;
use shoal_store::outbox::{self, Claimed, Sent};
use shoal_store::{Store, dead_letters, id, idempotency, inbox, loudly, quietly};
use shoal_task::Scope;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::Instrument as _;

use crate::bus::Kind;
use crate::lanes::Lanes;
use crate::redis_bus::Publisher;
use crate::{Bus, BusCode, RelayConfig, metrics, spans};

/// Pauses after failures of the bus.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Rows deleted in one transaction.
const PURGE_BATCH: u32 = 1_000;

/// How often the lag is measured.
const LAG_EVERY: Duration = Duration::from_secs(5);

/// A relay that does not lead polls this much less often, in case nobody leads.
const FOLLOWER_POLLS: u32 = 10;

/// Hands recorded events to the bus: at once after a commit of this process,
/// and by polling for those of others and of former lives. Several relays of
/// one service share the work; events of one subject keep their order.
///
/// Each relays what its own process commits, as no other would hear of it
/// before its next poll. Polling for what others left behind, and deleting what
/// is old, is for the one that leads ([`Relay::led_by`]). Two that think they
/// lead do no harm: rows are claimed under leases of the database.
pub struct Relay {
    store: Store,
    bus: Bus,
    config: RelayConfig,
    leadership: Leadership,
}

impl Relay {
    /// A relay for the events recorded in `store`.
    #[must_use]
    pub fn new(store: &Store, bus: &Bus) -> Self {
        Self {
            store: store.clone(),
            bus: bus.clone(),
            config: RelayConfig::default(),
            leadership: Leadership::always(),
        }
    }

    /// Leaves the polling and the deleting to whoever leads among the service's
    /// instances. Without it every relay does so.
    #[must_use]
    pub fn led_by(mut self, leadership: Leadership) -> Self {
        self.leadership = leadership;
        self
    }

    /// Other settings than the default ones.
    #[must_use]
    pub fn with_config(mut self, config: RelayConfig) -> Self {
        self.config = config;
        self
    }

    /// Runs until the scope is drained; what is in flight then still ends. Also
    /// deletes what the platform's tables no longer need.
    pub fn start(self, scope: &Scope) {
        let running = Running {
            name: id::new("rly"),
            store: self.store,
            bus: self.bus,
            config: self.config,
            leadership: self.leadership,
            polls: Polls::default(),
            scope: scope.child("relay"),
            lanes: Lanes::default(),
            in_flight: FuturesUnordered::new(),
            held: HashSet::new(),
            publisher: Publisher::default(),
            backoff: Backoff::new(FIRST_PAUSE, MAX_PAUSE, rand::random()),
        };
        let scope = running.scope.clone();
        scope.spawn_detached_context("relay", quietly(running.run()));
    }
}

/// How the attempt to publish one row ended.
type Attempt = (Claimed, Result<Sent>);

struct Running {
    name: String,
    store: Store,
    bus: Bus,
    config: RelayConfig,
    leadership: Leadership,
    polls: Polls,
    scope: Scope,
    /// In process: rows of one subject, one after the other.
    lanes: Lanes<Claimed>,
    in_flight: FuturesUnordered<BoxFuture<'static, Vec<Attempt>>>,
    /// Rows claimed and not settled.
    held: HashSet<i64>,
    publisher: Publisher,
    backoff: Backoff,
}

impl Running {
    async fn run(mut self) {
        self.bus.released().await;
        let mut poll = ticker(self.config.poll);
        let mut renew = ticker(self.config.lease / 3);
        let mut purge = ticker(self.config.purge_every);
        let mut lag = ticker(LAG_EVERY);
        loop {
            let more = tokio::select! {
                () = self.scope.cancelled() => break,
                Some(done) = self.in_flight.next() => self.settle(done).await.map(|()| true),
                () = self.store.outbox_changed() => Ok(true),
                _ = poll.tick() => Ok(self.polls.due(self.leadership.term().is_some())),
                // What the leader before left behind.
                () = self.leadership.changed() => Ok(self.leads()),
                _ = renew.tick() => {
                    let held: Vec<i64> = self.held.iter().copied().collect();
                    let lease = self.config.lease;
                    outbox::renew(&self.store, &self.name, &held, lease).await.map(|()| false)
                }
                _ = purge.tick(), if self.leads() => {
                    purge_old(&self.store, &self.config).await.map(|()| false)
                }
                _ = lag.tick() => outbox::lag(&self.store).await.map(|_| false),
            };
            let outcome = match more {
                Ok(true) => self.claim().await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::warn!(error = %error.report(), "the relay could not reach its database");
                let pause = self.backoff.failed();
                self.rest(pause).await;
            }
        }
        self.finish().await;
    }

    fn leads(&self) -> bool {
        self.leadership.term().is_some()
    }

    /// Lets what is in flight end. What does not is claimed again after its
    /// lease, by whoever runs then.
    async fn finish(&mut self) {
        while let Some(done) = self.in_flight.next().await {
            if let Err(error) = self.settle(done).await {
                tracing::warn!(error = %error.report(), "the relay could not note what it sent");
            }
        }
    }

    /// Claims as many rows as may be in flight and sets them going.
    async fn claim(&mut self) -> Result<()> {
        let busy = match self.bus.kind() {
            Kind::InProcess(_) => self.lanes.len(),
            // A batch at a time keeps the order.
            Kind::Redis(_) if !self.in_flight.is_empty() => return Ok(()),
            Kind::Redis(_) => 0,
        };
        let room = self.config.max_in_flight.saturating_sub(busy);
        let Ok(room @ 1..) = u32::try_from(room) else {
            return Ok(());
        };
        let rows = outbox::claim(&self.store, &self.name, room, self.config.lease).await?;
        if rows.is_empty() {
            return Ok(());
        }
        self.held.extend(rows.iter().map(|row| row.seq));
        match self.bus.kind() {
            Kind::InProcess(_) => {
                for row in rows {
                    let subject = row.event.subject.clone();
                    if let Some(row) = self.lanes.push(&subject, row) {
                        self.run_handlers(row);
                    }
                }
            }
            Kind::Redis(_) => self.append(rows).await,
        }
        Ok(())
    }

    fn run_handlers(&self, mut row: Claimed) {
        let bus = self.bus.clone();
        let span = spans::sending(&mut row.event, self.store.service(), "in_process");
        let work = async move {
            let Kind::InProcess(groups) = bus.kind() else {
                return Vec::new();
            };
            let outcome = groups.publish(&row.event).await;
            let sent = Sent {
                seq: row.seq,
                bus_ref: None,
            };
            vec![(row, outcome.map(|()| sent))]
        };
        // A task of its own, so that handlers use all cores.
        let task = self
            .scope
            .spawn_detached_context("send", loudly(work.instrument(span)));
        self.in_flight
            .push(Box::pin(async move { task.await.unwrap_or_default() }));
    }

    async fn append(&mut self, rows: Vec<Claimed>) {
        let Kind::Redis(redis) = self.bus.kind() else {
            return;
        };
        let outcome = redis
            .append(&mut self.publisher, &self.store, &self.config, &rows)
            .await;
        let attempts = match outcome {
            Ok(refs) => rows
                .into_iter()
                .zip(refs)
                .map(|(row, bus_ref)| {
                    let sent = Sent {
                        seq: row.seq,
                        bus_ref: Some(bus_ref),
                    };
                    (row, Ok(sent))
                })
                .collect(),
            Err(error) => {
                let refuse = |row| (row, Err(Error::new(BusCode::NotTaken, error.report())));
                rows.into_iter().map(refuse).collect()
            }
        };
        self.in_flight.push(Box::pin(std::future::ready(attempts)));
    }

    /// Notes what was sent and gives back what was not.
    async fn settle(&mut self, mut done: Vec<Attempt>) -> Result<()> {
        // Others that have ended too share the transaction.
        while let Some(Some(more)) = futures::FutureExt::now_or_never(self.in_flight.next()) {
            done.extend(more);
        }
        let mut sent = Vec::new();
        let mut failed = Vec::new();
        for (row, outcome) in done {
            match outcome {
                Ok(row_sent) => {
                    sent.push(row_sent);
                    if matches!(self.bus.kind(), Kind::InProcess(_))
                        && let Some(next) = self.lanes.ended(&row.event.subject)
                    {
                        self.run_handlers(next);
                    }
                }
                Err(error) => {
                    tracing::debug!(event.id = row.event.id, error = %error.report(), "not sent");
                    failed.push(row.seq);
                    if matches!(self.bus.kind(), Kind::InProcess(_)) {
                        let behind = self.lanes.failed(&row.event.subject);
                        failed.extend(behind.iter().map(|row| row.seq));
                    }
                }
            }
        }
        for seq in sent.iter().map(|row| row.seq).chain(failed.iter().copied()) {
            self.held.remove(&seq);
        }
        metrics::relayed(self.store.service(), "sent", sent.len());
        metrics::relayed(self.store.service(), "failed", failed.len());
        outbox::mark_sent(&self.store, &sent).await?;
        if failed.is_empty() {
            self.backoff.succeeded();
            return Ok(());
        }
        let pause = self.backoff.failed();
        let failures = self.backoff.failures();
        if failures == 1 || failures.is_multiple_of(20) {
            tracing::warn!(
                count = failed.len(),
                ?pause,
                "the bus did not take events; they wait"
            );
        }
        outbox::release(&self.store, &self.name, &failed, pause).await?;
        if matches!(self.bus.kind(), Kind::Redis(_)) {
            self.rest(pause).await;
        }
        Ok(())
    }

    async fn rest(&mut self, pause: Duration) {
        tokio::select! {
            () = self.scope.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Which polls are made.
#[derive(Debug, Default)]
struct Polls {
    /// Left out in a row.
    skipped: u32,
}

impl Polls {
    fn due(&mut self, leads: bool) -> bool {
        let due = leads || self.skipped + 1 >= FOLLOWER_POLLS;
        self.skipped = if due { 0 } else { self.skipped + 1 };
        due
    }
}

/// Deletes in small bites, so that no one waits long for the lock.
async fn purge_old(store: &Store, config: &RelayConfig) -> Result<()> {
    let full = u64::from(PURGE_BATCH);
    while outbox::purge(store, config.keep_sent, PURGE_BATCH).await? == full {}
    while inbox::purge(store, config.keep_received, PURGE_BATCH).await? == full {}
    while dead_letters::purge(store, config.keep_received, PURGE_BATCH).await? == full {}
    while idempotency::purge(store, PURGE_BATCH).await? == full {}
    Ok(())
}

fn ticker(every: Duration) -> Interval {
    let mut ticker = tokio::time::interval_at(Instant::now() + every, every);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_polls_each_time_and_the_others_every_tenth() {
        let mut polls = Polls::default();
        let mut made = |leads, times| (0..times).filter(|_| polls.due(leads)).count();
        assert_eq!(made(true, 30), 30);
        assert_eq!(made(false, 9), 0);
        assert_eq!(made(false, 21), 3);
    }
}
