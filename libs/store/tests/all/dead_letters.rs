//! Events that wait for a person.

use std::time::Duration;

use serde_json::json;
use shoal_store::dead_letters::{self, Parked};
use shoal_store::{Dialect, Migrations, PageRequest, Store};
use shoal_testkit::{ManualClock, TestDb};

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

#[tokio::test]
async fn what_is_done_is_forgotten_after_a_while_and_what_waits_is_not() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db.store_with_clock("fleet", Migrations::none(), clock.clone());
        let store = store.await;
        for event in ["evt_done", "evt_waits"] {
            park(&store, "g1", event, "no net").await;
        }
        let mut tx = store.begin().await.unwrap();
        let queue = "UPDATE dead_letters SET state = 'queued' WHERE event_id = 'evt_done'";
        sqlx::query(queue).execute(&mut *tx).await.unwrap();
        assert!(
            dead_letters::settle(&mut tx, "g1", "evt_done")
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        let keep = Duration::from_secs(60);
        let purge = async || dead_letters::purge(&store, keep, 10).await.unwrap();
        clock.advance(keep);
        assert_eq!(purge().await, 0, "{db}");
        clock.advance(Duration::from_millis(1));
        assert_eq!((purge().await, purge().await), (1, 0), "{db}");
        assert_eq!(list(&store, None).await[0].event_id, "evt_waits", "{db}");
    }
}

#[tokio::test]
async fn what_was_parked_before_codes_were_kept_gets_one() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        park(&store, "g1", "evt_old", "no net").await;
        park(&store, "g1", "evt_new", "no rod").await;
        let mut tx = store.begin().await.unwrap();
        let as_before =
            "UPDATE dead_letters SET code = '', first_reason = '' WHERE event_id = 'evt_old'";
        sqlx::query(as_before).execute(&mut *tx).await.unwrap();
        let migration = match db.dialect() {
            Dialect::Sqlite => {
                include_str!("../../migrations/sqlite/0003_dead_letters_upkeep.sql")
            }
            Dialect::Postgres => {
                include_str!("../../migrations/postgres/0003_dead_letters_upkeep.sql")
            }
        };
        let update = migration.split_inclusive(';').next().unwrap();
        sqlx::query(update).execute(&mut *tx).await.unwrap();
        let codes: Vec<String> = sqlx::query_scalar(
            "SELECT code || ': ' || first_reason FROM dead_letters ORDER BY event_id",
        )
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        assert_eq!(codes, ["fleet.broken: no rod", "unknown: no net"], "{db}");
    }
}
