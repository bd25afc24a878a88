//! Events that no attempt could deal with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shoal_store::dead_letters;
use shoal_testkit::eventually;

use super::fleet::{Failing, SOON, seas, writing};

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

        let moved = dead_letters::redrive(&sea.market, std::slice::from_ref(&letter.id));
        assert_eq!(moved.await.unwrap().len(), 1, "{sea}");
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
        let ids = [sea.parked().await[0].id.clone()];
        dead_letters::redrive(&sea.market, &ids).await.unwrap();
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
