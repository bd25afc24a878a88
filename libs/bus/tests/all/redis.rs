//! What is particular to Redis Streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shoal_bus::{Bus, BusConfig, Consumer, handler_fn};
use shoal_proto::events::Event as _;
use shoal_task::Scope;
use shoal_testkit::{Redis, TestDb, eventually};

use super::fleet::{Caught, SOON, Sea, quick, write_down, writing};

async fn sea() -> Sea {
    Sea::new(TestDb::sqlite(), Some(Redis::start())).await
}

async fn connection(sea: &Sea) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(sea.redis.as_ref().unwrap().url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

const STREAM: &str = "shoal:events:fleet";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_event_is_parked_and_stops_no_other() {
    let sea = sea().await;
    sea.consumer(writing());
    let mut redis = connection(&sea).await;
    for (field, value) in [("event", "{\"id\": 1"), ("what", "is this")] {
        redis::cmd("XADD")
            .arg(STREAM)
            .arg("*")
            .arg(field)
            .arg(value)
            .exec_async(&mut redis)
            .await
            .unwrap();
    }
    sea.relay();
    sea.record("a", 7).await;
    sea.sees("a", &[7]).await;
    eventually(|| async { sea.parked().await.len() == 2 }, SOON).await;
    let letters = sea.parked().await;
    assert!(
        letters.iter().any(|l| l.envelope["what"] == "is this"),
        "{letters:?}"
    );
    sea.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_consumer_held_goes_to_another() {
    let sea = sea().await;
    sea.relay();
    sea.record("a", 7).await;
    sea.nothing_left().await;
    let mut redis = connection(&sea).await;
    // A consumer that took the event and died.
    for command in [
        vec!["XGROUP", "CREATE", STREAM, "market", "0"],
        vec![
            "XREADGROUP",
            "GROUP",
            "market",
            "dead",
            "STREAMS",
            STREAM,
            ">",
        ],
    ] {
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]).exec_async(&mut redis).await.unwrap();
    }
    sea.consumer(writing());
    sea.sees("a", &[7]).await;
    let unacknowledged = || async {
        let mut redis = connection(&sea).await;
        let pending: redis::streams::StreamPendingReply = redis::cmd("XPENDING")
            .arg(STREAM)
            .arg("market")
            .query_async(&mut redis)
            .await
            .unwrap();
        pending.count() == 0
    };
    eventually(unacknowledged, SOON).await;
    sea.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_comes_later_gets_what_is_still_there() {
    let sea = sea().await;
    sea.relay();
    sea.record("a", 7).await;
    sea.nothing_left().await;
    sea.consumer(writing());
    sea.sees("a", &[7]).await;
    sea.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_a_group_share_its_events() {
    let sea = sea().await;
    sea.consumer(writing());
    sea.consumer(writing());
    sea.relay();
    for fish in 0..50 {
        sea.record(&format!("b{fish}"), fish).await;
    }
    for fish in 0..50 {
        sea.sees(&format!("b{fish}"), &[fish]).await;
    }
    sea.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_stops_leaves_its_group() {
    let sea = sea().await;
    sea.consumer(writing());
    sea.relay();
    sea.record("a", 7).await;
    sea.sees("a", &[7]).await;
    sea.drain().await;
    let mut redis = connection(&sea).await;
    let left: redis::streams::StreamInfoConsumersReply = redis::cmd("XINFO")
        .arg("CONSUMERS")
        .arg(STREAM)
        .arg("market")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(left.consumers.is_empty(), "{:?}", left.consumers.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_about_as_much_as_it_may() {
    let sea = sea().await;
    let config = BusConfig {
        redis_url: sea.redis.as_ref().unwrap().url(),
        prefix: "small".into(),
        max_len: 100,
    };
    let small = Sea {
        bus: Bus::from_config(&config).unwrap(),
        ..sea
    };
    small.relay();
    for fish in 0..500 {
        small.record("a", fish).await;
    }
    small.nothing_left().await;
    let mut redis = connection(&small).await;
    let length: usize = redis::cmd("XLEN")
        .arg("small:events:fleet")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!((100..300).contains(&length), "{length}");
    small.drain().await;
}

#[tokio::test]
async fn a_url_of_another_server_is_refused() {
    let error = Bus::redis("http://127.0.0.1").unwrap_err();
    assert!(error.message().contains("redis://host:port"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_longer_in_work_than_the_idle_limit_is_not_taken_away() {
    let sea = sea().await;
    let calls = Arc::new(AtomicU32::new(0));
    let idle = Duration::from_millis(150);
    let config = shoal_bus::ConsumerConfig {
        claim_idle: idle,
        ..quick()
    };
    for scope in [Scope::root("one"), Scope::root("two")] {
        let calls = calls.clone();
        let slow = handler_fn(move |tx, event| {
            calls.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(idle * 6).await;
                write_down(tx, event).await
            })
        });
        Consumer::new("market", [Caught::TYPE], slow)
            .with_config(config.clone())
            .start(&sea.bus, &sea.market, &scope);
        // Leaked on purpose: both live as long as the test.
        std::mem::forget(scope);
    }
    sea.relay();
    sea.record("a", 7).await;
    sea.sees("a", &[7]).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    sea.drain().await;
}
