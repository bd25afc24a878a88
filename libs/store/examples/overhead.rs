//! What the store costs above bare sqlx: the same two pieces of work through the
//! engine's own pool, through sqlx's `Any` pool, and through the store.
//!
//! `cargo run --release -p shoal-store --example overhead`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

use std::future::Future;
use std::time::{Duration, Instant};

use shoal_store::{Dialect, Migrations, Store};
use shoal_testkit::TestDb;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AnyPool, PgPool, SqlitePool};

const ROUNDS: usize = 7;
const PER_ROUND: usize = 1_500;

const READ: &str = "SELECT id, name, pieces FROM item WHERE id = $1";
const WRITE: &str = "UPDATE item SET pieces = pieces + 1 WHERE id = $1";

/// One way of reaching the database.
enum Way {
    Postgres(PgPool),
    Sqlite(SqlitePool),
    Any(AnyPool),
    Store(Store),
}

impl Way {
    fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) | Self::Sqlite(_) => "native pool",
            Self::Any(_) => "sqlx Any pool",
            Self::Store(_) => "shoal-store",
        }
    }

    async fn read(&self, id: &'static str) {
        match self {
            Self::Postgres(p) => drop(sqlx::query(READ).bind(id).fetch_one(p).await.unwrap()),
            Self::Sqlite(p) => drop(sqlx::query(READ).bind(id).fetch_one(p).await.unwrap()),
            Self::Any(p) => drop(sqlx::query(READ).bind(id).fetch_one(p).await.unwrap()),
            Self::Store(store) => {
                let mut conn = store.read().await.unwrap();
                sqlx::query(READ)
                    .bind(id)
                    .fetch_one(&mut *conn)
                    .await
                    .unwrap();
            }
        }
    }

    async fn write(&self, id: &'static str) {
        match self {
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await.unwrap();
                sqlx::query(WRITE).bind(id).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
            Self::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
                sqlx::query(WRITE).bind(id).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
            Self::Any(pool) => {
                let mut tx = pool.begin().await.unwrap();
                sqlx::query(WRITE).bind(id).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
            Self::Store(store) => {
                let mut tx = store.begin().await.unwrap();
                sqlx::query(WRITE).bind(id).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
    }
}

#[tokio::main]
async fn main() {
    sqlx::any::install_default_drivers();
    println!("median of {ROUNDS} rounds of {PER_ROUND}; one caller, microseconds\n");
    println!(
        "{:<11} {:<14} {:>8} {:>8} {:>8} {:>8}",
        "engine", "way", "read p50", "p99", "write p50", "p99"
    );
    for db in TestDb::all().await {
        let ways = ways(&db).await;
        let mut reads = vec![Vec::new(); ways.len()];
        let mut writes = vec![Vec::new(); ways.len()];
        // In turns, so that a busy moment of the machine hits all alike.
        for _ in 0..=ROUNDS {
            for (at, way) in ways.iter().enumerate() {
                reads[at].push(round(|| way.read("itm_1")).await);
                writes[at].push(round(|| way.write("itm_1")).await);
            }
        }
        for (at, way) in ways.iter().enumerate() {
            let (read, write) = (median(&mut reads[at]), median(&mut writes[at]));
            println!(
                "{:<11} {:<14} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
                db.to_string(),
                way.name(),
                read.0,
                read.1,
                write.0,
                write.1
            );
        }
    }
}

async fn ways(db: &TestDb) -> Vec<Way> {
    let store = db.store("bench", Migrations::none()).await;
    let mut tx = store.begin().await.unwrap();
    for statement in [
        "CREATE TABLE item (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, pieces BIGINT NOT NULL)",
        "INSERT INTO item (id, name, pieces) VALUES ('itm_1', 'Net', 1)",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let native = match db.dialect() {
        Dialect::Postgres => {
            let url = format!("{}?options=-c%20search_path%3Dbench", db.url());
            let any = sqlx::any::AnyPoolOptions::new()
                .max_connections(4)
                .connect(&url)
                .await;
            let own = PgPoolOptions::new().max_connections(4).connect(&url).await;
            [Way::Postgres(own.unwrap()), Way::Any(any.unwrap())]
        }
        Dialect::Sqlite => {
            let file = format!("{}/bench.db", db.url().trim_start_matches("sqlite:"));
            let options = SqliteConnectOptions::new()
                .filename(&file)
                .synchronous(SqliteSynchronous::Normal);
            let own = SqlitePoolOptions::new()
                .max_connections(4)
                .connect_with(options)
                .await;
            let any = sqlx::any::AnyPoolOptions::new()
                .max_connections(4)
                .after_connect(|conn, _| {
                    Box::pin(async move {
                        sqlx::query("PRAGMA synchronous = NORMAL")
                            .execute(conn)
                            .await?;
                        Ok(())
                    })
                })
                .connect(&format!("sqlite://{file}"))
                .await;
            [Way::Sqlite(own.unwrap()), Way::Any(any.unwrap())]
        }
    };
    native.into_iter().chain([Way::Store(store)]).collect()
}

/// Median and 99th percentile of a round, microseconds.
async fn round<F: Future<Output = ()>>(work: impl Fn() -> F) -> (f64, f64) {
    let mut times = Vec::with_capacity(PER_ROUND);
    for _ in 0..PER_ROUND {
        let start = Instant::now();
        work().await;
        times.push(start.elapsed());
    }
    times.sort();
    let micros = |at: usize| -> f64 { Duration::as_secs_f64(&times[at]) * 1e6 };
    (micros(PER_ROUND / 2), micros(PER_ROUND * 99 / 100))
}

/// Of the rounds but the first, which warms up.
fn median(rounds: &mut Vec<(f64, f64)>) -> (f64, f64) {
    rounds.remove(0);
    let middle = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (middle(|r| r.0), middle(|r| r.1))
}
