//! What happens to work.

use std::sync::Arc;
use std::time::Duration;

use shoal_context::{Class, Context, Metadata};
use shoal_queue::{DeadLetters as _, Failure, Selection};
use shoal_resilience::RetryPolicy;
use shoal_task::Scope;
use shoal_testkit::eventually;
use tokio::sync::Semaphore;

use super::parcels::{Carrier, Depot, LEASE, SOON, refusing};

#[tokio::test]
async fn poison_dies_after_its_attempts_and_holds_up_nobody() {
    for depot in Depot::all().await {
        let carrier = refusing(&["p1"]);
        depot.send("p1", "elm", "small").await;
        depot.send("p2", "elm", "small").await;
        depot.send("p3", "oak", "large").await;
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_delivered(&["p2", "p3"]).await;
        depot.wait_for_dead(&["p1"]).await;
        let letter = depot.queue.list(&Selection::one("p1"), true).await.unwrap();
        let letter = &letter[0];
        assert_eq!(
            (
                letter.attempts,
                letter.kind.as_str(),
                letter.reason.as_str()
            ),
            (3, "small", "attempts_exhausted")
        );
        assert_eq!(letter.first_error, "nobody is in");
        assert_eq!(letter.last_error, "nobody is in");
        let payload = letter.payload.as_ref().unwrap();
        assert_eq!(payload["street"], "elm");
        assert_eq!(payload["label"]["fragile"], true);
        depot.end().await;
    }
}

#[tokio::test]
async fn a_redriven_letter_is_delivered_exactly_once_more() {
    for depot in Depot::all().await {
        let carrier = refusing(&["p1"]);
        depot.send("p1", "elm", "small").await;
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_dead(&["p1"]).await;
        carrier.fails.lock().unwrap().clear();
        // Two administrators at once.
        let (a, b) = tokio::join!(depot.redrive("p1"), depot.redrive("p1"));
        assert_eq!(a.len() + b.len(), 1, "it is moved once");
        depot.wait_for_delivered(&["p1"]).await;
        assert!(depot.redrive("p1").await.is_empty());
        assert_eq!(carrier.seen.lock().unwrap().len(), 4);
        depot.end().await;
    }
}

#[tokio::test]
async fn work_of_a_worker_that_was_killed_is_anothers_when_the_lease_ends_and_its_word_is_void() {
    for depot in Depot::all().await {
        let gate = Arc::new(Semaphore::new(0));
        let first = Arc::new(Carrier {
            gate: Some(Arc::clone(&gate)),
            holds: vec!["p1".to_owned()].into(),
            ..Carrier::default()
        });
        let asleep = Scope::root("asleep");
        depot.send("p1", "elm", "small").await;
        depot.carry(&first, &asleep);
        let begun = || async { first.seen.lock().unwrap().len() == 1 };
        eventually(begun, SOON).await;

        let killed = Scope::root("killed");
        depot.send("p2", "oak", "small").await;
        let second = Arc::new(Carrier {
            gate: Some(Arc::new(Semaphore::new(0))),
            holds: vec!["p2".to_owned()].into(),
            ..Carrier::default()
        });
        asleep.cancel();
        depot.carry(&second, &killed);
        let begun = || async { second.seen.lock().unwrap().len() == 1 };
        eventually(begun, SOON).await;
        killed.drain(Duration::ZERO).await;

        let third = Arc::new(Carrier::default());
        depot.carry(&third, &depot.scope);
        assert!(depot.delivered().await.is_empty());
        depot.clock.advance(LEASE);
        depot.wait_for_delivered(&["p1", "p2"]).await;
        // The first one wakes up and thinks that it was it.
        gate.add_permits(1);
        let report = asleep.drain(SOON).await;
        assert!(report.aborted.is_empty(), "{report:?}");
        assert_eq!(depot.delivered().await, ["p1", "p2"], "each once");
        depot.end().await;
    }
}

#[tokio::test]
async fn work_that_takes_every_worker_down_is_given_up() {
    for depot in Depot::all().await {
        depot.send("p1", "elm", "small").await;
        for _ in 0..3 {
            let carrier = Arc::new(Carrier {
                gate: Some(Arc::new(Semaphore::new(0))),
                holds: vec!["p1".to_owned()].into(),
                ..Carrier::default()
            });
            let doomed = Scope::root("doomed");
            depot.carry(&carrier, &doomed);
            let begun = || async { carrier.seen.lock().unwrap().len() == 1 };
            eventually(begun, SOON).await;
            doomed.drain(Duration::ZERO).await;
            depot.clock.advance(LEASE);
        }
        let carrier = Arc::new(Carrier::default());
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_dead(&["p1"]).await;
        assert!(
            carrier.seen.lock().unwrap().is_empty(),
            "it is not tried again"
        );
        depot.end().await;
    }
}

#[tokio::test]
async fn no_attempt_begins_when_the_time_is_over() {
    for depot in Depot::all().await {
        let retry = RetryPolicy {
            max_age: Some(Duration::from_secs(600)),
            ..RetryPolicy::new(3, Duration::from_secs(1), Duration::from_secs(60))
        };
        depot.send("p1", "elm", "small").await;
        depot.clock.advance(Duration::from_secs(601));
        depot.send("p2", "elm", "small").await;
        let carrier = Arc::new(Carrier::default());
        depot.carry_with(retry, &carrier, &depot.scope);
        depot.wait_for_delivered(&["p2"]).await;
        depot.wait_for_dead(&["p1"]).await;
        let one = Selection::one("p1");
        let letter = depot.queue.list(&one, false).await.unwrap().remove(0);
        assert_eq!(letter.reason, "expired");
        assert_eq!(carrier.seen.lock().unwrap().len(), 1, "p2 alone");
        // A redrive gives it its time again.
        assert_eq!(depot.redrive("p1").await, ["p1"]);
        depot.wait_for_delivered(&["p1", "p2"]).await;
        depot.end().await;
    }
}

#[tokio::test]
async fn what_was_abandoned_is_overdue_and_given_up_like_what_waits() {
    for depot in Depot::all().await {
        let doomed = Scope::root("doomed");
        depot.send("p1", "elm", "small").await;
        depot.send("never", "closed", "small").await;
        let carrier = Arc::new(Carrier {
            gate: Some(Arc::new(Semaphore::new(0))),
            holds: vec!["p1".to_owned()].into(),
            ..Carrier::default()
        });
        depot.carry(&carrier, &doomed);
        let begun = || async { carrier.seen.lock().unwrap().len() == 1 };
        eventually(begun, SOON).await;
        doomed.drain(Duration::ZERO).await;
        depot.clock.advance(Duration::from_secs(60));
        assert_eq!(depot.overdue_ms().await, 0, "a lease and a closed street");
        assert_eq!(depot.give_up("elm").await, 0, "it may still be delivered");
        depot.clock.advance(LEASE);
        assert_eq!(depot.overdue_ms().await, 60_000);
        assert_eq!(depot.give_up("elm").await, 1);
        assert_eq!(depot.overdue_ms().await, 0);
        let one = Selection::one("p1");
        let letter = depot.queue.list(&one, false).await.unwrap().remove(0);
        assert_eq!(letter.reason, "razed");
        depot.end().await;
    }
}

#[tokio::test]
async fn a_slow_receiver_holds_only_its_own_places() {
    for depot in Depot::all().await {
        let ids: Vec<String> = (0..5).map(|n| format!("slow{n}")).collect();
        for id in &ids {
            depot.send(id, "elm", "small").await;
        }
        depot.send("quick", "oak", "small").await;
        depot.send("never", "closed", "small").await;
        let gate = Arc::new(Semaphore::new(0));
        let carrier = Arc::new(Carrier {
            gate: Some(Arc::clone(&gate)),
            holds: ids.into(),
            ..Carrier::default()
        });
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_delivered(&["quick"]).await;
        let slow = carrier.seen.lock().unwrap().len() - 1;
        assert_eq!(slow, 2, "two places for each street");
        gate.add_permits(5);
        let all = || async { depot.delivered().await.len() == 6 };
        eventually(all, SOON).await;
        assert_eq!(
            depot.queue.stats().await.unwrap().depth,
            1,
            "a closed street waits"
        );
        depot.end().await;
    }
}

#[tokio::test]
async fn the_metadata_of_the_cause_arrives_with_the_work() {
    for depot in Depot::all().await {
        let meta = Metadata {
            request_id: Some("req-1".into()),
            user_id: Some("usr_1".into()),
            gray_version: Some("v2".into()),
            ..Metadata::default()
        };
        let cause = Context::new(meta.clone(), None);
        cause.attach(depot.send("p1", "elm", "small")).await;
        let carrier = Arc::new(Carrier::default());
        let lasting = Failure::lasting("refused", "not ours");
        carrier.fails.lock().unwrap().insert("p1".into(), lasting);
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_dead(&["p1"]).await;
        // Nobody waits for it any more, so it is no longer urgent.
        let seen = Metadata {
            class: Class::Internal,
            ..meta
        };
        assert_eq!(*carrier.seen.lock().unwrap(), [("p1".to_owned(), seen)]);
        let letter = depot
            .queue
            .list(&Selection::one("p1"), false)
            .await
            .unwrap();
        assert_eq!(letter[0].meta.request_id.as_deref(), Some("req-1"));
        assert_eq!(letter[0].meta.user_id.as_deref(), Some("usr_1"));
        assert_eq!(letter[0].meta.gray_version.as_deref(), Some("v2"));
        assert_eq!(
            (letter[0].attempts, letter[0].reason.as_str()),
            (1, "refused")
        );
        depot.end().await;
    }
}
