//! Reading for a group: at most so many at once, subjects in order, and every
//! entry acknowledged only when it is dealt with.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use shoal_error::Result;
use shoal_resilience::Backoff;
use shoal_store::id;
use tokio::time::MissedTickBehavior;

use super::RedisBus;
use super::entry::{self, Received};
use super::session::{Entry, Held, Session};
use crate::delivery::Delivery;
use crate::lanes::Lanes;
use crate::metrics;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Work on one entry; tells whether it is dealt with.
type Working = BoxFuture<'static, (Item, bool)>;

#[derive(Clone)]
struct Item {
    lane: String,
    held: Held,
    received: Arc<Received>,
}

/// What outlives a broken connection.
struct Reader {
    delivery: Arc<Delivery>,
    name: String,
    lanes: Lanes<Item>,
    working: FuturesUnordered<Working>,
    /// Entries being worked on or waiting in a lane.
    held: HashSet<Held>,
    /// Dealt with, not acknowledged yet.
    done: Vec<Held>,
}

/// Reads until the consumer's scope is drained.
pub(crate) async fn run(bus: RedisBus, delivery: Arc<Delivery>) {
    let mut streams: Vec<String> = delivery.types.iter().map(|t| bus.stream(t)).collect();
    streams.sort();
    streams.dedup();
    let mut reader = Reader {
        name: format!("{}-{}", delivery.store.service(), id::new("con")),
        delivery,
        lanes: Lanes::default(),
        working: FuturesUnordered::new(),
        held: HashSet::new(),
        done: Vec::new(),
    };
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE, rand::random());
    while !reader.delivery.scope.is_cancelled() {
        let outcome =
            match Session::open(&bus, &reader.delivery.group, &reader.name, &streams).await {
                Ok(mut session) => {
                    backoff.succeeded();
                    reader.work(&mut session).await
                }
                Err(error) => Err(error),
            };
        if let Err(error) = outcome {
            let pause = backoff.failed();
            if backoff.failures() == 1 {
                let group = &reader.delivery.group;
                tracing::warn!(consumer = group, error = %error.report(), "no events for now");
            }
            reader.rest(pause).await;
        }
    }
}

impl Reader {
    /// Works over one session until the scope is drained or the session breaks.
    async fn work(&mut self, session: &mut Session) -> Result<()> {
        let scope = self.delivery.scope.clone();
        let idle = self.delivery.config.claim_idle;
        let mut upkeep = tokio::time::interval(idle / 3);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.take(session.unfinished(self.room()).await?);
        let mut next: Option<BoxFuture<'static, Result<Vec<Entry>>>> = None;
        loop {
            if next.is_none() && self.room() > 0 {
                next = Some(Box::pin(session.next(self.room())));
            }
            tokio::select! {
                () = scope.cancelled() => {
                    return self.finish(session, next).await;
                }
                Some(done) = self.working.next(), if !self.working.is_empty() => {
                    self.ended(done);
                }
                Some(entries) = ready(next.as_mut()) => {
                    next = None;
                    self.take(entries?);
                }
                _ = upkeep.tick() => {
                    session.keep(self.held.iter()).await?;
                    metrics::lag(self.delivery.store.service(), &self.delivery.group, session.lag().await?);
                    let taken = session.take_over(idle).await?;
                    self.take(taken);
                }
            }
            self.acknowledge(session).await?;
        }
    }

    /// Ends what was begun, the last read included, and leaves.
    async fn finish(
        &mut self,
        session: &mut Session,
        next: Option<BoxFuture<'static, Result<Vec<Entry>>>>,
    ) -> Result<()> {
        if let Some(next) = next {
            self.take(next.await?);
        }
        while let Some(done) = self.working.next().await {
            self.ended(done);
            self.acknowledge(session).await?;
        }
        session.leave().await
    }

    fn room(&self) -> usize {
        self.delivery
            .config
            .max_in_flight
            .saturating_sub(self.lanes.len())
    }

    /// Sets entries going, or puts them behind others of their subject.
    fn take(&mut self, entries: Vec<Entry>) {
        for (stream, entry) in entries {
            let received = entry::read(&entry);
            let held = (stream, entry.id);
            let lane = match &received {
                Received::Event(event) if !self.delivery.wants(&event.kind) => {
                    self.done.push(held);
                    continue;
                }
                Received::Event(event) => event.subject.clone(),
                Received::Unreadable { .. } => held.1.clone(),
            };
            if !self.held.insert(held.clone()) {
                continue;
            }
            let item = Item {
                lane: lane.clone(),
                held,
                received: Arc::new(received),
            };
            if let Some(item) = self.lanes.push(&lane, item) {
                self.begin(item);
            }
        }
    }

    fn begin(&self, item: Item) {
        let delivery = Arc::clone(&self.delivery);
        let received = Arc::clone(&item.received);
        let message = format!("{} {}", item.held.0, item.held.1);
        // A task of its own, so that handlers use all cores.
        let task = self
            .delivery
            .scope
            .spawn_detached_context("handle", async move {
                match &*received {
                    Received::Event(event) => delivery.deliver(event).await,
                    Received::Unreadable { raw, reason } => {
                        delivery.park_raw(&message, raw.clone(), reason).await
                    }
                }
            });
        self.working.push(Box::pin(async move {
            let dealt_with = matches!(task.await, Ok(Ok(())));
            (item, dealt_with)
        }));
    }

    fn ended(&mut self, (item, dealt_with): (Item, bool)) {
        self.held.remove(&item.held);
        if dealt_with {
            self.done.push(item.held);
            if let Some(next) = self.lanes.ended(&item.lane) {
                self.begin(next);
            }
        } else {
            // Unacknowledged entries come back, in order, to whoever is there.
            for behind in self.lanes.failed(&item.lane) {
                self.held.remove(&behind.held);
            }
        }
    }

    async fn acknowledge(&mut self, session: &mut Session) -> Result<()> {
        if self.done.is_empty() {
            return Ok(());
        }
        session.acknowledge(&self.done).await?;
        self.done.clear();
        Ok(())
    }

    /// Goes on with what is there while Redis is not.
    async fn rest(&mut self, pause: Duration) {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = self.delivery.scope.cancelled() => return,
                () = &mut over => return,
                Some(done) = self.working.next(), if !self.working.is_empty() => self.ended(done),
            }
        }
    }
}

/// The outcome of a future that may not be there.
async fn ready<T>(future: Option<&mut BoxFuture<'static, T>>) -> Option<T> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
