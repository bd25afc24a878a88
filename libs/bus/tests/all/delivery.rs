//! Events arrive, once in effect, in order, whatever goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shoal_bus::handler_fn;
use shoal_context::{Context, Metadata};

use super::fleet::{Failing, Sea, quick, seas, write_down, writing};

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_event_reaches_its_consumer() {
    for sea in seas().await {
        sea.consumer(writing());
        sea.relay();
        sea.record("a", 7).await;
        sea.sees("a", &[7]).await;
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_boat_keep_their_order() {
    for sea in seas().await {
        for fish in 0..40 {
            sea.record("a", fish).await;
            sea.record(&format!("b{}", fish % 5), fish).await;
        }
        sea.consumer(writing());
        sea.relay();
        sea.sees("a", &(0..40).collect::<Vec<_>>()).await;
        for boat in 0..5 {
            let expected: Vec<i64> = (0..40).filter(|fish| fish % 5 == boat).collect();
            sea.sees(&format!("b{boat}"), &expected).await;
        }
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_repeated_and_leaves_nothing() {
    for sea in seas().await {
        let attempts = Arc::new(AtomicU32::new(0));
        sea.consumer(Failing {
            times: 2,
            attempts: attempts.clone(),
        });
        sea.relay();
        sea.record("a", 7).await;
        sea.sees("a", &[7]).await;
        assert_eq!(attempts.load(Ordering::SeqCst), 3, "{sea}");
        assert!(sea.parked().await.is_empty(), "{sea}");
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_sent_twice_takes_effect_once() {
    for sea in seas().await {
        sea.consumer(writing());
        sea.relay();
        sea.record("a", 1).await;
        sea.sees("a", &[1]).await;
        sea.nothing_left().await;
        // As after a crash between sending and noting that it was sent.
        let mut tx = sea.fleet.begin().await.unwrap();
        sqlx::query("UPDATE outbox SET sent_at = NULL, claimed_until = 0")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        sea.record("a", 2).await;
        sea.sees("a", &[1, 2]).await;
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boat_whose_event_fails_does_not_stop_the_others() {
    for sea in seas().await {
        let handler = handler_fn(|tx, event| {
            Box::pin(async move {
                write_down(tx, event).await?;
                if event.subject == "a" {
                    return Err(shoal_error::Error::internal("boat a leaks"));
                }
                Ok(())
            })
        });
        let mut config = quick();
        config.max_attempts = u32::MAX;
        sea.consumer_with(config, handler);
        sea.relay();
        sea.record("a", 1).await;
        sea.record("b", 2).await;
        sea.sees("b", &[2]).await;
        assert!(sea.seen("a").await.is_empty(), "{sea}");
        sea.drain().await;
        // Not lost: it waits for the next start.
        let again = Sea {
            scope: shoal_task::Scope::root("again"),
            ..sea
        };
        again.consumer(writing());
        again.relay();
        again.sees("a", &[1]).await;
        again.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_knows_the_request_that_recorded_the_event() {
    for sea in seas().await {
        let met = Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = met.clone();
        sea.consumer(handler_fn(move |tx, event| {
            let heard = heard.clone();
            Box::pin(async move {
                heard.lock().unwrap().push(Context::current());
                write_down(tx, event).await
            })
        }));
        sea.relay();
        let meta = Metadata {
            request_id: Some("req-1".into()),
            user_id: Some("usr_1".into()),
            gray_version: Some("v2".into()),
            gray_services: Some("order+billing".into()),
            class: shoal_context::Class::Internal,
        };
        Context::new(meta.clone(), None)
            .attach(sea.record("a", 7))
            .await;
        sea.sees("a", &[7]).await;
        let context = met.lock().unwrap()[0].clone();
        assert_eq!(context.meta(), &meta, "{sea}");
        assert!(
            context.deadline().is_some(),
            "{sea}: an attempt has its own deadline"
        );
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_a_failed_attempt() {
    for sea in seas().await {
        let calls = Arc::new(AtomicU32::new(0));
        let count = calls.clone();
        sea.consumer(handler_fn(move |tx, event| {
            let call = count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                assert!(call > 0, "the first one panics");
                write_down(tx, event).await
            })
        }));
        sea.relay();
        sea.record("a", 7).await;
        sea.sees("a", &[7]).await;
        sea.drain().await;
    }
}
