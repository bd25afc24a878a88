//! Events that are told if and only if their change happened.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_context::{Context, Metadata};
use shoal_proto::events::Event;
use shoal_store::outbox::{self, Claimed, Sent};
use shoal_store::{Migrations, Store, inbox};
use shoal_testkit::{ManualClock, TestDb};

const LEASE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Caught {
    boat: String,
    fish: u32,
}

impl Event for Caught {
    const TYPE: &'static str = "fleet.caught.v1";
    fn subject(&self) -> &str {
        &self.boat
    }
}

async fn record(store: &Store, boat: &str, fish: u32) {
    let mut tx = store.begin().await.unwrap();
    outbox::publish(
        &mut tx,
        &Caught {
            boat: boat.into(),
            fish,
        },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, relay: &str, limit: u32) -> Vec<Claimed> {
    outbox::claim(store, relay, limit, LEASE).await.unwrap()
}

async fn sent(store: &Store, rows: &[Claimed], bus_ref: Option<&str>) {
    let rows: Vec<Sent> = rows
        .iter()
        .map(|row| Sent {
            seq: row.seq,
            bus_ref: bus_ref.map(str::to_owned),
        })
        .collect();
    outbox::mark_sent(store, &rows).await.unwrap();
}

fn fish(rows: &[Claimed]) -> Vec<u32> {
    rows.iter()
        .map(|row| row.event.decode::<Caught>().unwrap().fish)
        .collect()
}

#[tokio::test]
async fn an_event_is_told_only_when_its_change_happened() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        let mut tx = store.begin().await.unwrap();
        outbox::publish(
            &mut tx,
            &Caught {
                boat: "a".into(),
                fish: 1,
            },
        )
        .await
        .unwrap();
        drop(tx);
        record(&store, "a", 2).await;
        assert_eq!(fish(&claim(&store, "r", 10).await), [2], "{db}");
    }
}

#[tokio::test]
async fn an_event_carries_what_its_request_was() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        let meta = Metadata {
            request_id: Some("req-1".into()),
            user_id: Some("usr_1".into()),
            gray_version: Some("v2".into()),
            gray_services: Some("order+billing".into()),
            class: shoal_context::Class::Internal,
        };
        Context::new(meta.clone(), None)
            .attach(record(&store, "a", 1))
            .await;
        let rows = claim(&store, "r", 10).await;
        assert_eq!(rows[0].event.restore_context().meta(), &meta, "{db}");
        assert_eq!(rows[0].event.kind, "fleet.caught.v1");
        assert_eq!(rows[0].event.subject, "a");
        assert!(rows[0].event.id.starts_with("evt_"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_with_events_wakes_the_relay() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        let woken = {
            let store = store.clone();
            tokio::spawn(async move { store.outbox_changed().await })
        };
        record(&store, "a", 1).await;
        tokio::time::timeout(Duration::from_secs(5), woken)
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn relays_share_events_but_not_subjects() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        for (boat, n) in [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("c", 5)] {
            record(&store, boat, n).await;
        }
        let first = claim(&store, "one", 2).await;
        assert_eq!(fish(&first), [1, 2], "{db}");
        // What comes later of boats a and b has to wait for the first relay.
        assert_eq!(fish(&claim(&store, "two", 10).await), [5], "{db}");
        sent(&store, &first[..1], None).await;
        assert_eq!(fish(&claim(&store, "two", 10).await), [3], "{db}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_relays_get_the_same_event() {
    for db in TestDb::all().await {
        let store = db.store("fleet", Migrations::none()).await;
        for n in 0..60 {
            record(&store, &format!("boat{}", n % 7), n).await;
        }
        let relays = (0..4).map(|relay| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let rows = claim(&store, &format!("r{relay}"), 5).await;
                    if rows.is_empty() && outbox::lag(&store).await.unwrap().pending == 0 {
                        return mine;
                    }
                    sent(&store, &rows, None).await;
                    mine.extend(fish(&rows));
                }
            })
        });
        let mut all: Vec<u32> = Vec::new();
        for share in futures::future::join_all(relays).await {
            all.extend(share.unwrap());
        }
        all.sort_unstable();
        assert_eq!(all, (0..60).collect::<Vec<_>>(), "{db}");
    }
}

#[tokio::test]
async fn what_a_crashed_relay_held_is_claimed_again_after_its_lease() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db
            .store_with_clock("fleet", Migrations::none(), clock.clone())
            .await;
        record(&store, "a", 1).await;
        let rows = claim(&store, "crashed", 10).await;
        assert!(claim(&store, "heir", 10).await.is_empty(), "{db}");
        clock.advance(LEASE - Duration::from_secs(1));
        outbox::renew(&store, "crashed", &[rows[0].seq], LEASE)
            .await
            .unwrap();
        clock.advance(LEASE - Duration::from_secs(1));
        assert!(claim(&store, "heir", 10).await.is_empty(), "{db}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(fish(&claim(&store, "heir", 10).await), [1], "{db}");
    }
}

#[tokio::test]
async fn a_released_event_holds_up_later_ones_of_its_subject() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db
            .store_with_clock("fleet", Migrations::none(), clock.clone())
            .await;
        record(&store, "a", 1).await;
        let rows = claim(&store, "r", 10).await;
        outbox::release(&store, "r", &[rows[0].seq], Duration::from_secs(2))
            .await
            .unwrap();
        record(&store, "a", 2).await;
        assert!(claim(&store, "r", 10).await.is_empty(), "{db}");
        clock.advance(Duration::from_secs(2));
        assert_eq!(fish(&claim(&store, "r", 10).await), [1, 2], "{db}");
    }
}

#[tokio::test]
async fn lost_events_are_sent_again_and_old_ones_deleted() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db
            .store_with_clock("fleet", Migrations::none(), clock.clone())
            .await;
        record(&store, "a", 1).await;
        sent(&store, &claim(&store, "r", 10).await, Some("old")).await;
        record(&store, "a", 2).await;
        sent(&store, &claim(&store, "r", 10).await, Some("lost")).await;
        assert_eq!(
            outbox::resend(&store, 0, |at| at == "lost").await.unwrap(),
            1,
            "{db}"
        );
        assert_eq!(fish(&claim(&store, "r", 10).await), [2], "{db}");
        clock.advance(Duration::from_secs(61));
        let keep = Duration::from_secs(60);
        assert_eq!(outbox::purge(&store, keep, 10).await.unwrap(), 1, "{db}");
        assert_eq!(outbox::lag(&store).await.unwrap().pending, 1, "{db}");
        assert_eq!(outbox::lag(&store).await.unwrap().oldest_ms, 61_000, "{db}");
    }
}

#[tokio::test]
async fn an_event_takes_effect_once_per_group() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db
            .store_with_clock("fleet", Migrations::none(), clock.clone())
            .await;
        let mut tx = store.begin().await.unwrap();
        assert!(
            inbox::first_time(&mut tx, "g1", "evt_1").await.unwrap(),
            "{db}"
        );
        assert!(
            !inbox::first_time(&mut tx, "g1", "evt_1").await.unwrap(),
            "{db}"
        );
        assert!(
            inbox::first_time(&mut tx, "g2", "evt_1").await.unwrap(),
            "{db}"
        );
        tx.commit().await.unwrap();
        clock.advance(Duration::from_secs(61));
        let mut tx = store.begin().await.unwrap();
        inbox::first_time(&mut tx, "g1", "evt_2").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            inbox::purge(&store, Duration::from_secs(60), 10)
                .await
                .unwrap(),
            2,
            "{db}"
        );
    }
}
