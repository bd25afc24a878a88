//! What administrators do with what was given up.

use std::sync::Arc;

use serde_json::json;
use shoal_error::CommonCode;
use shoal_queue::{Action, DeadLetters, EventLetters, Order, Queues, Selection};
use shoal_store::PageRequest;
use shoal_store::dead_letters::{self, Parked};
use shoal_task::Clock as _;

use super::parcels::{Depot, refusing};

pub(super) fn order(action: Action, selection: Selection) -> Order {
    Order {
        action,
        by: "usr_admin".into(),
        reason: "mended".into(),
        queue: None,
        selection,
        key: None,
    }
}

fn queues(depot: &Depot) -> Queues {
    let events = EventLetters::new(depot.store.clone());
    let kept: Vec<Arc<dyn DeadLetters>> = vec![Arc::new(depot.queue.clone()), Arc::new(events)];
    Queues::new(depot.store.clone(), kept, &depot.scope)
}

/// Three dead parcels and two parked events.
async fn deaths() -> Vec<Depot> {
    let depots = Depot::all().await;
    for depot in &depots {
        let carrier = refusing(&["p1", "p2", "p3"]);
        depot.send("p1", "elm", "small").await;
        depot.send("p2", "oak", "large").await;
        depot.send("p3", "ash", "small").await;
        depot.carry(&carrier, &depot.scope);
        depot.wait_for_dead(&["p1", "p2", "p3"]).await;
        let mut tx = depot.store.begin().await.unwrap();
        for event_id in ["evt_1", "evt_2"] {
            let parked = Parked {
                group: "depot",
                event_id,
                kind: "parcel.sent.v1",
                subject: "p1",
                envelope: json!({"secret": "raw"}),
                code: "bus.unreadable_event",
                reason: "bus.unreadable_event: what is this?",
                attempts: 1,
            };
            dead_letters::park(&mut tx, &parked).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    depots
}

#[tokio::test]
async fn letters_of_all_queues_are_one_list_with_pages() {
    for depot in deaths().await {
        let queues = queues(&depot);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest {
                limit: Some(2),
                cursor,
            };
            let page = queues.list(None, &Selection::default(), &request).await;
            let page = page.unwrap();
            found.extend(page.items.into_iter().map(|l| (l.queue, l.kind)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let name = |(queue, kind): &(String, String)| format!("{queue} {kind}");
        let names: Vec<_> = found.iter().map(name).collect();
        let event = "events parcel.sent.v1";
        let parcels = ["parcels small", "parcels large", "parcels small"];
        assert_eq!(names, [&[event, event][..], &parcels[..]].concat());

        let small = Selection {
            kind: "small".into(),
            ..Selection::default()
        };
        let some = queues.list(None, &small, &PageRequest::default()).await;
        assert_eq!(some.unwrap().items.len(), 2);
        let old = Selection {
            died_until_ms: 1_700_000_000_000,
            ..Selection::default()
        };
        let first = PageRequest::default();
        let none = queues.list(Some("parcels"), &old, &first).await.unwrap();
        assert!(none.items.is_empty());
        let wrong = queues.list(Some("trains"), &old, &first).await.unwrap_err();
        assert!(wrong.is(CommonCode::NotFound));
        depot.end().await;
    }
}

#[tokio::test]
async fn a_parked_event_is_shown_without_its_data() {
    for depot in deaths().await {
        let queues = queues(&depot);
        let (all, first) = (Selection::default(), PageRequest::default());
        let events = queues.list(Some("events"), &all, &first).await.unwrap();
        let letter = &events.items[0];
        assert_eq!(letter.reason, "bus.unreadable_event");
        assert_eq!(letter.first_error, "bus.unreadable_event: what is this?");
        let whole = queues.inspect("events", &letter.id).await.unwrap();
        let payload = whole.payload.unwrap();
        assert_eq!(
            payload,
            json!({"group": "depot"}),
            "raw messages may be anything"
        );
        depot.end().await;
    }
}

#[tokio::test]
async fn an_order_under_one_key_is_carried_out_once_and_noted() {
    for depot in deaths().await {
        let queues = queues(&depot);
        let redrive = Order {
            queue: Some("parcels".into()),
            key: Some("k1".into()),
            ..order(Action::Redrive, Selection::oldest(2))
        };
        let first = queues.act(redrive.clone()).await.unwrap();
        assert_eq!(first.letters.len(), 2);
        let again = queues.act(redrive.clone()).await.unwrap();
        assert_eq!(again, first, "the same answer");
        let other = Order {
            selection: Selection::oldest(3),
            ..redrive
        };
        let reused = queues.act(other).await.unwrap_err();
        assert!(reused.is(CommonCode::IdempotencyKeyReused));

        let actions = queues.actions(&PageRequest::default()).await.unwrap().items;
        let [noted] = actions.as_slice() else {
            panic!("{actions:?}")
        };
        assert_eq!(
            (noted.by.as_str(), noted.action.as_str()),
            ("usr_admin", "redrive")
        );
        assert_eq!(noted.why, "mended");
        assert_eq!(noted.letters.as_array().unwrap().len(), 2);
        assert!(noted.at_ms <= depot.clock.now_ms());
        depot.end().await;
    }
}

#[tokio::test]
async fn all_queues_are_redriven_at_once_up_to_the_limit() {
    for depot in deaths().await {
        let queues = queues(&depot);
        let moved = queues
            .act(order(Action::Redrive, Selection::oldest(4)))
            .await;
        let moved = moved.unwrap().letters;
        let of = |queue| moved.iter().filter(|letter| letter.queue == queue).count();
        assert_eq!((of("events"), of("parcels")), (2, 2));
        depot.end().await;
    }
}

#[tokio::test]
async fn a_discarded_letter_is_gone_for_good_and_counted() {
    for depot in deaths().await {
        let queues = queues(&depot);
        let before = dropped();
        let gone = queues
            .act(order(Action::Discard, Selection::one("p2")))
            .await;
        assert_eq!(gone.unwrap().letters.len(), 1);
        assert_eq!(depot.dead().await, ["p1", "p3"]);
        assert!(queues.inspect("parcels", "p2").await.is_err());
        assert!(
            depot.redrive("p2").await.is_empty(),
            "nothing brings it back"
        );
        assert!(dropped() > before);
        depot.end().await;
    }
}

fn dropped() -> u64 {
    let metrics = shoal_telemetry::metrics::encode();
    let line = metrics.lines().find(|line| {
        line.starts_with("shoal_queue_dropped_total")
            && line.contains("queue=\"parcels\"")
            && line.contains("reason=\"discarded\"")
    });
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}
