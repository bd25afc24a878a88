//! Events that no attempt could deal with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use shoal_bus::{BusCode, handler_fn};
use shoal_error::{CommonCode, Error};
use shoal_store::dead_letters::{self, Parked};
use shoal_testkit::eventually;

use super::fleet::{Failing, SOON, market_tables, seas, write_down, writing};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_parked_after_its_attempts_and_can_be_redriven() {
    for sea in seas().await {
        let attempts = Arc::new(AtomicU32::new(0));
        sea.consumer(Failing {
            times: 3,
            attempts: attempts.clone(),
        });
        sea.relay();
        let id = sea.record("a", 7).await;
        eventually(|| async { sea.parked().await.len() == 1 }, SOON).await;
        assert_eq!(attempts.load(Ordering::SeqCst), 3, "{sea}");
        let letter = &sea.parked().await[0];
        assert_eq!(
            (letter.event_id.as_str(), letter.attempts),
            (id.as_str(), 3),
            "{sea}"
        );
        assert!(
            letter.reason.contains("the scales are broken"),
            "{sea}: {}",
            letter.reason
        );
        assert_eq!(letter.event().unwrap().subject, "a");
        assert!(sea.seen("a").await.is_empty(), "{sea}");
        sea.nothing_left().await;

        assert_eq!(sea.redrive().await, 1, "{sea}");
        sea.sees("a", &[7]).await;
        eventually(|| async { sea.parked().await.is_empty() }, SOON).await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_event_that_fails_again_is_parked_again() {
    for sea in seas().await {
        sea.consumer(Failing {
            times: u32::MAX,
            attempts: Arc::default(),
        });
        sea.relay();
        sea.record("a", 7).await;
        eventually(|| async { sea.parked().await.len() == 1 }, SOON).await;
        assert_eq!(sea.redrive().await, 1, "{sea}");
        let parked_again = || async {
            let letter = sea.parked().await.remove(0);
            letter.state == "parked" && letter.attempts == 6
        };
        eventually(parked_again, SOON).await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_shape_is_parked_at_once_and_stops_no_other() {
    for sea in seas().await {
        sea.consumer(writing());
        sea.relay();
        sea.record_odd().await;
        sea.record("a", 7).await;
        sea.sees("a", &[7]).await;
        eventually(|| async { sea.parked().await.len() == 1 }, SOON).await;
        let letter = &sea.parked().await[0];
        assert_eq!(letter.attempts, 1, "{sea}");
        assert!(
            letter.reason.contains("bus.unreadable_event"),
            "{sea}: {}",
            letter.reason
        );
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_holds_up_later_ones_of_its_boat_only_until_then() {
    for sea in seas().await {
        sea.consumer(Failing {
            times: 3,
            attempts: Arc::default(),
        });
        sea.relay();
        sea.record("a", 1).await;
        sea.record("a", 2).await;
        sea.sees("a", &[2]).await;
        assert_eq!(sea.parked().await.len(), 1, "{sea}");
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_all_attempts() {
    for sea in seas().await {
        let mut config = super::fleet::quick();
        config.first_pause = Duration::from_secs(3600);
        config.max_pause = Duration::from_secs(3600);
        let attempts = Arc::new(AtomicU32::new(0));
        sea.consumer_with(
            config,
            Failing {
                times: u32::MAX,
                attempts: attempts.clone(),
            },
        );
        sea.relay();
        sea.record("a", 1).await;
        eventually(|| async { attempts.load(Ordering::SeqCst) == 1 }, SOON).await;
        sea.drain().await;
        assert!(sea.parked().await.is_empty(), "{sea}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_that_redrive_the_same_letters_one_parks_each_again() {
    for sea in seas().await {
        let mut config = super::fleet::quick();
        config.max_attempts = 1;
        for _ in 0..2 {
            let hopeless = Failing {
                times: u32::MAX,
                attempts: Arc::default(),
            };
            sea.consumer_with(config.clone(), hopeless);
        }
        sea.relay();
        for boat in 0..10 {
            sea.record(&format!("b{boat}"), 7).await;
        }
        eventually(|| async { sea.parked().await.len() == 10 }, SOON).await;
        for times in 2..=5 {
            assert_eq!(sea.redrive().await, 10, "{sea}");
            let parked = || async { sea.parked().await.iter().all(|l| l.state == "parked") };
            eventually(parked, SOON).await;
            let attempts: Vec<i64> = sea.parked().await.iter().map(|l| l.attempts).collect();
            assert_eq!(attempts, [times; 10], "{sea}");
        }
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_event_that_fails_holds_up_only_those_of_its_boat() {
    for sea in seas().await {
        let mut config = super::fleet::quick();
        config.first_pause = Duration::from_secs(3600);
        config.max_pause = Duration::from_secs(3600);
        let repaired = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&repaired);
        let handler = handler_fn(move |tx, event| {
            let repaired = seen.load(Ordering::SeqCst);
            Box::pin(async move {
                match event.subject.as_str() {
                    // Parked at once.
                    _ if !repaired => Err(Error::new(BusCode::UnreadableEvent, "blurred")),
                    "a" => Err(Error::new(CommonCode::Unavailable, "the scales are broken")),
                    _ => write_down(tx, event).await,
                }
            })
        });
        sea.consumer_with(config, handler);
        sea.relay();
        for (parked, (boat, fish)) in [("a", 1), ("b", 1), ("b", 2)].into_iter().enumerate() {
            sea.record(boat, fish).await;
            eventually(|| async { sea.parked().await.len() == parked + 1 }, SOON).await;
        }
        repaired.store(true, Ordering::SeqCst);
        assert_eq!(sea.redrive().await, 3, "{sea}");
        sea.sees("b", &[1, 2]).await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_message_that_is_no_event_is_parked_and_counted_again() {
    for mut sea in seas().await {
        // A name of its own, as other tests count too.
        sea.market = sea.db.store("reef", market_tables()).await;
        sea.consumer(writing());
        let raw = Parked {
            group: "market",
            event_id: "msg-1",
            kind: "",
            subject: "",
            envelope: serde_json::json!({"raw": true}),
            code: "bus.unreadable_event",
            reason: "not JSON",
            attempts: 1,
        };
        let mut tx = sea.market.begin().await.unwrap();
        dead_letters::park(&mut tx, &raw).await.unwrap();
        tx.commit().await.unwrap();
        let died = died();
        assert_eq!(sea.redrive().await, 1, "{sea}");
        let again = || async {
            let letter = sea.parked().await.remove(0);
            letter.state == "parked" && letter.attempts == 2
        };
        eventually(again, SOON).await;
        eventually(|| async { self::died() == died + 1 }, SOON).await;
        sea.drain().await;
    }
}

fn died() -> u64 {
    let metrics = shoal_telemetry::metrics::encode();
    let line = metrics.lines().find(|line| {
        line.starts_with("shoal_queue_died_total")
            && line.contains("service=\"reef\"")
            && line.contains("queue=\"events\"")
    });
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}
