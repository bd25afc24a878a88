//! Redis goes away and comes back.

use std::time::Duration;

use shoal_error::CommonCode;
use shoal_store::outbox;
use shoal_testkit::{Redis, TestDb, eventually};

use super::fleet::{SOON, Sea, writing};

async fn on_redis(db: TestDb, redis: Redis) -> Sea {
    let sea = Sea::new(db, Some(redis)).await;
    sea.consumer(writing());
    sea.relay();
    sea
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_redis_restarts() {
    for db in TestDb::all().await {
        let mut sea = on_redis(db, Redis::start_durable()).await;
        for fish in 0..20 {
            sea.record("a", fish).await;
        }
        sea.sees("a", &(0..20).collect::<Vec<_>>()).await;
        sea.redis.as_mut().unwrap().stop();
        for fish in 20..40 {
            sea.record("a", fish).await;
        }
        assert!(
            sea.bus
                .ping()
                .await
                .unwrap_err()
                .is(CommonCode::Unavailable),
            "{sea}"
        );
        sea.redis.as_mut().unwrap().restart();
        sea.sees("a", &(0..40).collect::<Vec<_>>()).await;
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_redis_is_killed_again_and_again() {
    for db in TestDb::all().await {
        let mut sea = on_redis(db, Redis::start_durable()).await;
        for round in 0..3 {
            for fish in round * 10..round * 10 + 10 {
                sea.record("a", fish).await;
            }
            // In the middle of whatever is going on.
            sea.redis.as_mut().unwrap().kill();
            sea.redis.as_mut().unwrap().restart();
        }
        sea.sees("a", &(0..30).collect::<Vec<_>>()).await;
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_redis_without_memory_has_forgotten_is_sent_again() {
    for db in TestDb::all().await {
        let mut sea = Sea::new(db, Some(Redis::start())).await;
        sea.relay();
        for fish in 0..10 {
            sea.record("a", fish).await;
        }
        // Taken by the bus, and by no consumer yet.
        sea.nothing_left().await;
        sea.redis.as_mut().unwrap().kill();
        sea.redis.as_mut().unwrap().restart();
        sea.consumer(writing());
        // The next event makes the relay connect, and see what is missing.
        sea.record("a", 10).await;
        sea.sees("a", &(0..=10).collect::<Vec<_>>()).await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_and_records_without_redis() {
    let db = TestDb::sqlite();
    let mut redis = Redis::start_durable();
    redis.stop();
    let mut sea = on_redis(db, redis).await;
    sea.record("a", 7).await;
    assert_eq!(outbox::lag(&sea.fleet).await.unwrap().pending, 1);
    sea.redis.as_mut().unwrap().restart();
    sea.sees("a", &[7]).await;
    sea.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_consumers_database_goes_away() {
    let server = tokio::task::spawn_blocking(shoal_testkit::Postgres::start)
        .await
        .unwrap();
    let sea = Sea::new(TestDb::sqlite(), None).await;
    let config = shoal_store::DatabaseConfig {
        acquire_timeout_ms: 200,
        ..shoal_store::DatabaseConfig::at(server.url("postgres"))
    };
    let market = shoal_store::Store::open("market", &config).await.unwrap();
    market.migrate(super::fleet::market_tables()).await.unwrap();
    let sea = Sea { market, ..sea };
    sea.consumer(writing());
    sea.relay();
    sea.record("a", 1).await;
    sea.sees("a", &[1]).await;
    tokio::task::block_in_place(|| server.stop());
    sea.record("a", 2).await;
    tokio::task::block_in_place(|| server.restart());
    eventually(|| sea.market.ping(), Duration::from_secs(10)).await;
    eventually(|| async { sea.seen("a").await == [1, 2] }, SOON).await;
    sea.drain().await;
}
