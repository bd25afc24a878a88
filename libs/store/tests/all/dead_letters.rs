//! Events that wait for a person.

use serde_json::json;
use shoal_store::dead_letters::{self, Parked};
use shoal_store::{Migrations, PageRequest, Store};
use shoal_testkit::TestDb;

async fn park(store: &Store, group: &str, event: &str, reason: &str) {
    let mut tx = store.begin().await.unwrap();
    let letter = Parked {
        group,
        event_id: event,
        kind: "fleet.caught.v1",
        subject: "a",
        envelope: json!({"raw": true}),
        code: "fleet.broken",
        reason,
        attempts: 3,
    };
    dead_letters::park(&mut tx, &letter).await.unwrap();
    tx.commit().await.unwrap();
}

async fn list(store: &Store, group: Option<&str>) -> Vec<dead_letters::DeadLetter> {
    let mut conn = store.read().await.unwrap();
    let page = dead_letters::list(&mut conn, group, &PageRequest::default())
        .await
        .unwrap();
    page.items
}

#[tokio::test]
async fn parked_events_are_listed_by_group() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        park(&store, "g1", "evt_1", "no net").await;
        park(&store, "g2", "evt_1", "no rod").await;
        park(&store, "g1", "evt_1", "no hook").await;
        assert_eq!(list(&store, None).await.len(), 2, "{db}");
        let letters = list(&store, Some("g1")).await;
        assert_eq!(letters.len(), 1, "{db}");
        let letter = &letters[0];
        assert_eq!(
            (letter.reason.as_str(), letter.attempts),
            ("no hook", 6),
            "{db}"
        );
        assert_eq!(letter.envelope, json!({"raw": true}));
        assert!(letter.event().is_none());
    }
}

#[tokio::test]
async fn the_list_has_pages() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        for n in 0..5 {
            park(&store, "g1", &format!("evt_{n}"), "no net").await;
        }
        let mut request = PageRequest {
            limit: Some(2),
            cursor: None,
        };
        let mut seen = Vec::new();
        loop {
            let mut conn = store.read().await.unwrap();
            let page = dead_letters::list(&mut conn, None, &request).await.unwrap();
            seen.extend(page.items.into_iter().map(|letter| letter.event_id));
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["evt_0", "evt_1", "evt_2", "evt_3", "evt_4"], "{db}");
    }
}
