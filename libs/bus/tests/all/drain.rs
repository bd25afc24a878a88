//! Starting and stopping.

use std::sync::Arc;
use std::time::Duration;

use shoal_bus::handler_fn;
use shoal_discovery::{Leadership, Term};
use shoal_store::outbox;
use shoal_task::Scope;
use tokio::sync::{Notify, watch};

use super::fleet::{Sea, seas, write_down, writing};

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_a_running_handler_end() {
    for sea in seas().await {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (began.clone(), go.clone());
        sea.consumer(handler_fn(move |tx, event| {
            let (tell, wait) = (tell.clone(), wait.clone());
            Box::pin(async move {
                tell.notify_one();
                wait.notified().await;
                write_down(tx, event).await
            })
        }));
        sea.relay();
        sea.record("a", 7).await;
        began.notified().await;
        let scope = sea.scope.clone();
        let draining =
            tokio::spawn(async move { scope.drain(Duration::from_secs(10)).await.aborted.len() });
        sea.scope.cancelled().await;
        go.notify_one();
        assert_eq!(draining.await.unwrap(), 0, "{sea}");
        assert_eq!(sea.seen("a").await, [7], "{sea}");
        assert_eq!(outbox::lag(&sea.fleet).await.unwrap().pending, 0, "{sea}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_while_nobody_ran_is_told_at_the_next_start() {
    for sea in seas().await {
        for fish in 0..5 {
            sea.record("a", fish).await;
        }
        sea.consumer(writing());
        sea.relay();
        sea.sees("a", &[0, 1, 2, 3, 4]).await;
        sea.drain().await;
        sea.record("a", 5).await;
        let again = Sea {
            scope: Scope::root("again"),
            ..sea
        };
        again.consumer(writing());
        again.relay();
        again.sees("a", &[0, 1, 2, 3, 4, 5]).await;
        again.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_while_the_bus_is_held() {
    for sea in seas().await {
        let hold = sea.bus.hold();
        sea.relay();
        sea.record("a", 7).await;
        // The consumer comes late, as in a process that starts many modules.
        tokio::task::yield_now().await;
        assert_eq!(outbox::lag(&sea.fleet).await.unwrap().pending, 1, "{sea}");
        sea.consumer(writing());
        drop(hold);
        sea.sees("a", &[7]).await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_relays_and_many_events_come_out_even() {
    for sea in seas().await {
        sea.consumer(writing());
        sea.relay();
        sea.relay();
        let records = (0..8).map(|boat| {
            let sea = &sea;
            async move {
                for fish in 0..25 {
                    sea.record(&format!("b{boat}"), fish).await;
                }
            }
        });
        futures::future::join_all(records).await;
        for boat in 0..8 {
            sea.sees(&format!("b{boat}"), &(0..25).collect::<Vec<_>>())
                .await;
        }
        sea.nothing_left().await;
        sea.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_tells_its_own_commits_without_leading_and_those_of_others_once_it_leads() {
    for sea in seas().await {
        let (term, seen) = watch::channel(None);
        sea.consumer(writing());
        sea.relay_led_by(Leadership::new(seen));
        sea.record("own", 1).await;
        sea.sees("own", &[1]).await;
        sea.nothing_left().await;
        // No poll comes within the test, so only the lead can bring this one.
        sea.record_elsewhere("others", 2).await;
        assert_eq!(outbox::lag(&sea.fleet).await.unwrap().pending, 1, "{sea}");
        term.send_replace(Some(Term { token: 1 }));
        sea.sees("others", &[2]).await;
        sea.drain().await;
    }
}
