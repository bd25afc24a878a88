//! A fleet that announces catches, and a market that writes them down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_bus::{
    Bus, Consumer, ConsumerConfig, EventEnvelope, Relay, RelayConfig, decode, handler_fn,
};
use shoal_discovery::Leadership;
use shoal_error::{CommonCode, Error, Result};
use shoal_proto::events::Event;
use shoal_queue::{EventLetters, Selection};
use shoal_store::dead_letters::{self, DeadLetter};
use shoal_store::{Migrations, PageRequest, SqlResultExt as _, Store, Tx, outbox};
use shoal_task::Scope;
use shoal_testkit::{Redis, TestDb, eventually};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Caught {
    pub(crate) boat: String,
    pub(crate) fish: i64,
}

impl Event for Caught {
    const TYPE: &'static str = "fleet.caught.v1";
    fn subject(&self) -> &str {
        &self.boat
    }
}

/// Same type on the wire, other fields: what a careless producer sends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Odd {
    pub(crate) weight: String,
}

impl Event for Odd {
    const TYPE: &'static str = Caught::TYPE;
    fn subject(&self) -> &str {
        "odd"
    }
}

pub(crate) struct Sea {
    pub(crate) db: TestDb,
    pub(crate) redis: Option<Redis>,
    pub(crate) bus: Bus,
    pub(crate) fleet: Store,
    pub(crate) market: Store,
    pub(crate) scope: Scope,
}

/// One of everything for each bus on each engine.
pub(crate) async fn seas() -> Vec<Sea> {
    let mut seas = Vec::new();
    for redis in [false, true] {
        for db in TestDb::all().await {
            seas.push(Sea::new(db, redis.then(Redis::start_durable)).await);
        }
    }
    seas
}

impl Sea {
    pub(crate) async fn new(db: TestDb, redis: Option<Redis>) -> Self {
        let bus = match &redis {
            Some(redis) => Bus::redis(&redis.url()).unwrap(),
            None => Bus::in_process(),
        };
        let fleet = db.store("fleet", Migrations::none()).await;
        let market = db.store("market", market_tables()).await;
        Self {
            db,
            redis,
            bus,
            fleet,
            market,
            scope: Scope::root("sea"),
        }
    }

    pub(crate) fn relay(&self) {
        let config = RelayConfig {
            poll: Duration::from_millis(100),
            ..RelayConfig::default()
        };
        Relay::new(&self.fleet, &self.bus)
            .with_config(config)
            .start(&self.scope);
    }

    /// A relay that never polls unless it leads.
    pub(crate) fn relay_led_by(&self, leadership: Leadership) {
        let config = RelayConfig {
            poll: Duration::from_secs(3_600),
            ..RelayConfig::default()
        };
        Relay::new(&self.fleet, &self.bus)
            .with_config(config)
            .led_by(leadership)
            .start(&self.scope);
    }

    pub(crate) fn consumer(&self, handler: impl shoal_bus::Handler) {
        self.consumer_with(quick(), handler);
    }

    pub(crate) fn consumer_with(&self, config: ConsumerConfig, handler: impl shoal_bus::Handler) {
        Consumer::new("market", [Caught::TYPE], handler)
            .with_config(config)
            .start(&self.bus, &self.market, &self.scope);
    }

    pub(crate) async fn record(&self, boat: &str, fish: i64) -> String {
        record(&self.fleet, boat, fish).await
    }

    /// Recorded by another process of the same service.
    pub(crate) async fn record_elsewhere(&self, boat: &str, fish: i64) {
        let elsewhere = self.db.store("fleet", Migrations::none()).await;
        record(&elsewhere, boat, fish).await;
    }

    pub(crate) async fn record_odd(&self) {
        let mut tx = self.fleet.begin().await.unwrap();
        outbox::publish(
            &mut tx,
            &Odd {
                weight: "much".into(),
            },
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// What the market has written down of a boat, in order.
    pub(crate) async fn seen(&self, boat: &str) -> Vec<i64> {
        let mut conn = self.market.read().await.unwrap();
        sqlx::query_scalar("SELECT fish FROM catches WHERE boat = $1 ORDER BY n")
            .bind(boat.to_owned())
            .fetch_all(&mut *conn)
            .await
            .unwrap()
    }

    pub(crate) async fn sees(&self, boat: &str, fish: &[i64]) {
        let all = || async {
            let seen = self.seen(boat).await;
            if seen == fish {
                Ok(())
            } else {
                Err(format!("{self}: {boat}: {seen:?}"))
            }
        };
        eventually(all, SOON).await;
    }

    pub(crate) async fn parked(&self) -> Vec<DeadLetter> {
        let mut conn = self.market.read().await.unwrap();
        dead_letters::list(&mut conn, Some("market"), &PageRequest::default())
            .await
            .unwrap()
            .items
    }

    /// Has the market try what it parked again; answers how many.
    pub(crate) async fn redrive(&self) -> usize {
        let letters = EventLetters::new(self.market.clone());
        let moved = letters.redrive(&Selection::oldest(100)).await;
        moved.unwrap().len()
    }

    pub(crate) async fn nothing_left(&self) {
        let done = || async {
            outbox::lag(&self.fleet)
                .await
                .map(|lag| lag.pending == 0)
                .unwrap()
        };
        eventually(done, SOON).await;
    }

    /// Ends everything; nothing may have to be aborted.
    pub(crate) async fn drain(&self) {
        let report = self.scope.drain(Duration::from_secs(10)).await;
        assert!(report.aborted.is_empty(), "{self}: {:?}", report.aborted);
    }
}

async fn record(fleet: &Store, boat: &str, fish: i64) -> String {
    let caught = Caught {
        boat: boat.into(),
        fish,
    };
    let mut tx = fleet.begin().await.unwrap();
    let id = outbox::publish(&mut tx, &caught).await.unwrap();
    tx.commit().await.unwrap();
    id
}

impl std::fmt::Display for Sea {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.bus.system(), self.db)
    }
}

/// Retries without long pauses.
pub(crate) fn quick() -> ConsumerConfig {
    ConsumerConfig {
        max_attempts: 3,
        first_pause: Duration::from_millis(5),
        max_pause: Duration::from_millis(20),
        redrive_poll: Duration::from_millis(100),
        claim_idle: Duration::from_millis(600),
        ..ConsumerConfig::default()
    }
}

pub(crate) async fn write_down(tx: &mut Tx, event: &EventEnvelope) -> Result<()> {
    let caught: Caught = decode(event)?;
    sqlx::query("INSERT INTO catches (event_id, boat, fish) VALUES ($1, $2, $3)")
        .bind(event.id.as_str())
        .bind(caught.boat)
        .bind(caught.fish)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

pub(crate) fn writing() -> impl shoal_bus::Handler {
    handler_fn(|tx, event| Box::pin(write_down(tx, event)))
}

/// Fails the first `times` attempts after having written, so that a missing
/// rollback would show.
pub(crate) struct Failing {
    pub(crate) times: u32,
    pub(crate) attempts: Arc<AtomicU32>,
}

impl shoal_bus::Handler for Failing {
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        event: &'a EventEnvelope,
    ) -> futures::future::BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            write_down(tx, event).await?;
            if self.attempts.fetch_add(1, Ordering::SeqCst) < self.times {
                return Err(Error::new(CommonCode::Unavailable, "the scales are broken"));
            }
            Ok(())
        })
    }
}

pub(crate) fn market_tables() -> Migrations {
    let table = |n: &str| {
        let sql = format!(
            "CREATE TABLE catches (n {n}, event_id TEXT NOT NULL, boat TEXT NOT NULL, fish BIGINT NOT NULL)"
        );
        let sql = AssertSqlSafe(sql).into_sql_str();
        let step = Migration::new(1, "catches".into(), MigrationType::Simple, sql, false);
        Migrator::with_migrations(vec![step])
    };
    Migrations::new(
        "market",
        table("INTEGER PRIMARY KEY AUTOINCREMENT"),
        table("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    )
}
