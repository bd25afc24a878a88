//! A queue of parcels, and a carrier that does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shoal_context::{Context, Metadata};
use shoal_error::Result;
use shoal_queue::{
    Claimed, DeadLetters as _, Failure, Lane, QueueTable, Selection, Settled, TableQueue, Verdict,
    Work, Worker, WorkerConfig,
};
use shoal_resilience::RetryPolicy;
use shoal_store::{Migrations, Store, Tx};
use shoal_task::{Clock as _, Scope};
use shoal_testkit::{ManualClock, TestDb, eventually};
use tokio::sync::Semaphore;
use tracing::Span;

pub(super) const SOON: Duration = Duration::from_secs(20);
/// Longer than the clock moves while a busy machine is waited for.
pub(super) const LEASE: Duration = Duration::from_secs(3_600);

pub(super) const PARCELS: QueueTable = QueueTable {
    queue: "parcels",
    table: "parcels",
    kind: "size",
    context: "context",
    shown: &["street", "label"],
    lane: Some(Lane {
        column: "street",
        open: "street <> 'closed'",
    }),
};

/// One after the other, as SQLite takes one statement and PostgreSQL too.
const TABLES: [&str; 2] = [
    "CREATE TABLE parcels (
        id TEXT NOT NULL PRIMARY KEY, street TEXT NOT NULL, size TEXT NOT NULL,
        label TEXT NOT NULL, context TEXT NOT NULL, state TEXT NOT NULL,
        attempts BIGINT NOT NULL, attempts_total BIGINT NOT NULL,
        next_attempt_at BIGINT NOT NULL, lease_token TEXT, lease_until BIGINT,
        reason TEXT NOT NULL DEFAULT '', first_error TEXT NOT NULL DEFAULT '',
        last_error TEXT, created_at BIGINT NOT NULL, queued_at BIGINT,
        finished_at BIGINT, discarded_at BIGINT)",
    "CREATE TABLE doorsteps (parcel TEXT NOT NULL)",
];

/// What the carrier does with a parcel, by its id; delivers others.
#[derive(Default)]
pub(super) struct Carrier {
    pub(super) fails: Mutex<HashMap<String, Failure>>,
    /// Ids whose attempts hang until there are permits.
    pub(super) holds: Mutex<Vec<String>>,
    pub(super) gate: Option<Arc<Semaphore>>,
    /// What was attempted, with the metadata that arrived.
    pub(super) seen: Mutex<Vec<(String, Metadata)>>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Parcel {
    street: String,
}

impl Work for Carrier {
    type Job = Parcel;
    type Note = ();
    const COLUMNS: &'static str = "street";

    fn span(&self, claimed: &Claimed<Parcel>) -> Span {
        tracing::info_span!("carry", street = claimed.job.street)
    }

    async fn attempt(&self, claimed: &Claimed<Parcel>) -> (Result<(), Failure>, ()) {
        let meta = Context::current().meta().clone();
        self.seen.lock().unwrap().push((claimed.id.clone(), meta));
        let held = self.holds.lock().unwrap().contains(&claimed.id);
        if let Some(gate) = self.gate.as_ref().filter(|_| held) {
            gate.acquire().await.unwrap().forget();
        }
        let fails = self.fails.lock().unwrap().get(&claimed.id).cloned();
        (fails.map_or(Ok(()), Err), ())
    }

    async fn settled(&self, tx: &mut Tx, settled: &Settled<'_, Self>) -> Result<()> {
        if *settled.verdict == Verdict::Done {
            sqlx::query("INSERT INTO doorsteps (parcel) VALUES ($1)")
                .bind(&settled.claimed.id)
                .execute(&mut **tx)
                .await
                .unwrap();
        }
        Ok(())
    }
}

pub(super) struct Depot {
    pub(super) store: Store,
    pub(super) queue: TableQueue,
    pub(super) clock: Arc<ManualClock>,
    pub(super) scope: Scope,
    _db: TestDb,
}

impl Depot {
    /// One per database.
    pub(super) async fn all() -> Vec<Self> {
        let mut depots = Vec::new();
        for db in TestDb::all().await {
            let clock = ManualClock::new(1_700_000_000_000);
            let migrations = Migrations::none().with(shoal_queue::migrations());
            let store = db.store_with_clock("depot", migrations, clock.clone());
            let store = store.await;
            let mut tx = store.begin().await.unwrap();
            for table in TABLES {
                sqlx::query(table).execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
            depots.push(Self {
                queue: TableQueue::new(PARCELS, store.clone()),
                store,
                clock,
                scope: Scope::root("depot"),
                _db: db,
            });
        }
        depots
    }

    /// Queues a parcel in the current context.
    pub(super) async fn send(&self, id: &str, street: &str, size: &str) {
        let context = Context::current().to_map();
        let mut tx = self.store.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO parcels (id, street, size, label, context, state, attempts, \
             attempts_total, next_attempt_at, created_at) \
             VALUES ($1, $2, $3, '{\"fragile\":true}', $4, 'queued', 0, 0, $5, $5)",
        )
        .bind(id)
        .bind(street)
        .bind(size)
        .bind(serde_json::to_string(&context).unwrap())
        .bind(self.clock.now_ms())
        .execute(&mut *tx)
        .await
        .unwrap();
        self.queue.wake_on_commit(&mut tx);
        tx.commit().await.unwrap();
    }

    /// Starts a carrier that tries three times, a second and more apart.
    pub(super) fn carry(&self, carrier: &Arc<Carrier>, scope: &Scope) {
        let retry = RetryPolicy::new(3, Duration::from_secs(1), Duration::from_secs(60));
        self.carry_with(retry, carrier, scope);
    }

    pub(super) fn carry_with(&self, retry: RetryPolicy, carrier: &Arc<Carrier>, scope: &Scope) {
        let config = WorkerConfig {
            name: "carrier",
            concurrency: 8,
            per_lane: 2,
            poll: Duration::from_millis(10),
            lease: LEASE,
            retry,
        };
        Worker::start(self.queue.clone(), Arc::clone(carrier), config, scope);
    }

    pub(super) async fn delivered(&self) -> Vec<String> {
        let mut conn = self.store.read().await.unwrap();
        sqlx::query_scalar("SELECT parcel FROM doorsteps ORDER BY parcel")
            .fetch_all(&mut *conn)
            .await
            .unwrap()
    }

    pub(super) async fn dead(&self) -> Vec<String> {
        let all = Selection::oldest(100);
        let letters = self.queue.list(&all, false).await.unwrap();
        letters.into_iter().map(|letter| letter.id).collect()
    }

    pub(super) async fn redrive(&self, id: &str) -> Vec<String> {
        let mut moved = Vec::new();
        let one = Selection::one(id);
        self.queue.redrive(&one, &mut moved).await.unwrap();
        moved
    }

    pub(super) async fn overdue_ms(&self) -> i64 {
        self.queue.stats().await.unwrap().overdue_ms
    }

    /// Gives up what is for a street; answers how many.
    pub(super) async fn give_up(&self, street: &str) -> u64 {
        let mut tx = self.store.begin().await.unwrap();
        let of = ("street", street);
        let given_up = self
            .queue
            .give_up_in(&mut tx, of, "razed", "no such street");
        let count = given_up.await.unwrap();
        tx.commit().await.unwrap();
        count
    }

    pub(super) async fn wait_for_dead(&self, ids: &[&str]) {
        let dead = || async {
            // Pauses pass at once.
            self.clock.advance(Duration::from_secs(2));
            let dead = self.dead().await;
            if dead == ids { Ok(()) } else { Err(dead) }
        };
        eventually(dead, SOON).await;
    }

    pub(super) async fn wait_for_delivered(&self, ids: &[&str]) {
        let delivered = || async {
            let delivered = self.delivered().await;
            if delivered == ids {
                Ok(())
            } else {
                Err(delivered)
            }
        };
        eventually(delivered, SOON).await;
    }

    pub(super) async fn end(self) {
        let report = self.scope.drain(SOON).await;
        assert!(report.aborted.is_empty(), "{report:?}");
        self.store.close().await;
    }
}

/// A carrier that refuses these, in passing.
pub(super) fn refusing(ids: &[&str]) -> Arc<Carrier> {
    let carrier = Carrier::default();
    let fails = ids
        .iter()
        .map(|id| ((*id).to_owned(), Failure::passing("nobody is in")));
    carrier.fails.lock().unwrap().extend(fails);
    Arc::new(carrier)
}
