//! Parked events.

use serde_json::json;
use shoal_queue::{EventLetters, Selection};
use shoal_store::dead_letters::{self, Parked};
use shoal_store::{Migrations, Store};
use shoal_testkit::TestDb;

async fn park(store: &Store, event_id: &str) -> String {
    let parked = Parked {
        group: "depot",
        event_id,
        kind: "parcel.sent.v1",
        subject: "p1",
        envelope: json!({"raw": true}),
        code: "bus.unreadable_event",
        reason: "what is this?",
        attempts: 1,
    };
    let mut tx = store.begin().await.unwrap();
    dead_letters::park(&mut tx, &parked).await.unwrap();
    let id = sqlx::query_scalar("SELECT id FROM dead_letters WHERE event_id = $1")
        .bind(event_id)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn queued(store: &Store) -> Vec<String> {
    let mut conn = store.read().await.unwrap();
    let queued = dead_letters::queued(&mut conn, "depot", 9).await.unwrap();
    queued.into_iter().map(|letter| letter.event_id).collect()
}

#[tokio::test]
async fn a_redriven_event_is_queued_once_and_settled_once() {
    for db in TestDb::all().await {
        let store = db.store("depot", Migrations::none()).await;
        let letters = EventLetters::new(store.clone());
        let id = park(&store, "evt_1").await;
        park(&store, "evt_2").await;
        let one = Selection::one(&id);
        assert_eq!(letters.redrive(&one).await.unwrap(), [id], "{db}");
        assert!(letters.redrive(&one).await.unwrap().is_empty(), "{db}");
        assert!(letters.discard(&one).await.unwrap().is_empty(), "{db}");
        assert_eq!(queued(&store).await, ["evt_1"], "{db}");
        for first in [true, false] {
            let mut tx = store.begin().await.unwrap();
            let settled = dead_letters::settle(&mut tx, "depot", "evt_1").await;
            assert_eq!(settled.unwrap(), first, "{db}");
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_event_can_be_called_done_without_another_attempt() {
    for db in TestDb::all().await {
        let store = db.store("depot", Migrations::none()).await;
        let letters = EventLetters::new(store.clone());
        let id = park(&store, "evt_1").await;
        let all = Selection::oldest(10);
        assert_eq!(letters.discard(&all).await.unwrap(), [id], "{db}");
        assert!(letters.redrive(&all).await.unwrap().is_empty(), "{db}");
        assert!(queued(&store).await.is_empty(), "{db}");
    }
}
