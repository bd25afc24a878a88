//! Keeps the list of one service's instances.
//!
//! A snapshot, then the watch from the revision behind it. Whenever the watch
//! breaks, for whatever reason, the next one begins with a snapshot again: no
//! event can be missed, and a compaction in the gap changes nothing. Until then
//! the last list stays, marked stale.

use std::time::Duration;

use shoal_resilience::Backoff;
use shoal_task::{Scope, SharedClock};
use tokio::sync::watch;

use super::client::{Client, EtcdError, below, name_below};
use super::metrics::ListMetrics;
use super::mirror::{Bad, Mirror, Store};
use super::wire::{DELETED, Event, Header, RangeResponse};
use crate::Instances;

pub(crate) struct Watcher {
    /// Whose instances.
    pub(crate) target: String,
    pub(crate) prefix: String,
    pub(crate) client: Client,
    pub(crate) lists: watch::Sender<Instances>,
    /// How long instances stay that a store has lost with its data.
    pub(crate) keep: Duration,
    pub(crate) clock: SharedClock,
    pub(crate) scope: Scope,
    pub(crate) metrics: ListMetrics,
    pub(crate) backoff: Backoff,
    pub(crate) mirror: Mirror,
}

impl Watcher {
    /// Runs until the scope is told to end. The last list then stays.
    pub(crate) async fn run(mut self) {
        let scope = self.scope.clone();
        self.metrics.resync("start");
        loop {
            let ended = tokio::select! {
                () = scope.cancelled() => return,
                ended = self.follow() => ended,
            };
            let Err(error) = ended;
            let pause = self.away(&error);
            tokio::select! {
                () = scope.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A snapshot and what follows it.
    async fn follow(&mut self) -> Result<std::convert::Infallible, EtcdError> {
        let snapshot = self.client.range(below(&self.prefix)).await?;
        let revision = self.take_snapshot(&snapshot);
        let mut events = self.client.watch(&self.prefix, revision + 1).await?;
        loop {
            let answer = events.next().await?;
            self.back();
            for event in &answer.events {
                self.apply(event);
            }
            if let Some(header) = &answer.header {
                self.mirror.reached(header.revision);
            }
            self.publish(false);
        }
    }

    /// The revision that it shows.
    fn take_snapshot(&mut self, snapshot: &RangeResponse) -> i64 {
        let header = snapshot.header.clone().unwrap_or_default();
        let Header {
            cluster_id,
            revision,
        } = header;
        let store = Store {
            cluster: cluster_id,
            revision,
        };
        let prefix = self.prefix.clone();
        let records = snapshot.kvs.iter().filter_map(|kv| {
            let id = name_below(&prefix, kv)?;
            Some((id, kv.value.as_slice()))
        });
        let now = self.clock.monotonic();
        let bad = self.mirror.reset(store, records, now, self.keep);
        for bad in bad {
            self.passed_over(&bad);
        }
        self.publish(false);
        revision
    }

    fn apply(&mut self, event: &Event) {
        let Some(kv) = &event.kv else {
            return;
        };
        let Some(id) = name_below(&self.prefix, kv) else {
            return;
        };
        if event.kind == DELETED {
            self.mirror.delete(id);
        } else if let Err(bad) = self.mirror.put(id, &kv.value) {
            self.passed_over(&bad);
        }
    }

    fn passed_over(&self, bad: &Bad) {
        self.metrics.bad();
        tracing::warn!(
            target_service = self.target,
            id = bad.id,
            why = bad.why,
            "a record in the registry cannot be read and is passed over"
        );
    }

    /// Shows the list, if it differs from the one shown.
    fn publish(&mut self, stale: bool) {
        self.mirror.expire(self.clock.monotonic());
        if !stale {
            self.metrics.heard(self.clock.now_ms());
        }
        let list = self.mirror.list();
        let changed = self.lists.send_if_modified(|known| {
            let changed = known.stale != stale || *known.list != *list;
            if changed {
                known.revision += 1;
                known.stale = stale;
                known.list = list;
            }
            changed
        });
        if changed {
            let now = self.lists.borrow();
            self.metrics.shows(&now);
            tracing::debug!(
                target_service = self.target,
                instances = now.list.len(),
                stale,
                "the list of instances changed"
            );
        }
    }

    /// The registry is heard again.
    fn back(&mut self) {
        if self.backoff.failures() > 1 {
            tracing::info!(target_service = self.target, "the registry is back");
        }
        self.backoff.succeeded();
    }

    /// The registry does not answer. The pause before the next attempt.
    fn away(&mut self, error: &EtcdError) -> Duration {
        let reason = match error {
            EtcdError::Compacted(_) => "compaction",
            _ => "gap",
        };
        self.metrics.resync(reason);
        // A list that was never read is stale from the start.
        let read = self.lists.borrow().revision > 0;
        if read {
            self.publish(true);
        }
        let pause = self.backoff.failed();
        // One broken watch is a restarted member; more is news.
        if self.backoff.failures() == 2 {
            tracing::warn!(
                target_service = self.target,
                %error,
                "the registry is away; the last list of instances stays in use"
            );
        } else {
            tracing::debug!(target_service = self.target, %error, "the list is read anew");
        }
        pause
    }
}
