//! Keys that make a request happen once.

use std::collections::BTreeMap;
use std::time::Duration;

use shoal_error::CommonCode;
use shoal_store::Store;
use shoal_store::idempotency::{self, Claim, ClaimToken, StoredResponse};
use shoal_testkit::{ManualClock, TestDb};

use super::tables::shop;

async fn claim(store: &Store, key: &str, print: &str) -> Claim {
    let mut tx = store.begin().await.unwrap();
    let claim = idempotency::begin(&mut tx, "POST /orders usr_1", key, print)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    claim
}

async fn finish(store: &Store, token: &ClaimToken) -> shoal_error::Result<()> {
    let mut tx = store.begin().await?;
    idempotency::finish(&mut tx, token, &answer()).await?;
    tx.commit().await
}

fn answer() -> StoredResponse {
    let headers = BTreeMap::from([("location".to_owned(), "/orders/1".to_owned())]);
    StoredResponse {
        status: 201,
        headers,
        body: "{\"id\":\"ord_1\"}".into(),
    }
}

fn fresh(claim: Claim) -> ClaimToken {
    match claim {
        Claim::Fresh(token) => token,
        other => panic!("not fresh: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        let token = fresh(claim(&store, "k1", "body").await);
        finish(&store, &token).await.unwrap();
        assert_eq!(
            claim(&store, "k1", "body").await,
            Claim::Replay(answer()),
            "{db}"
        );
        fresh(claim(&store, "k2", "body").await);
    }
}

#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        let token = fresh(claim(&store, "k1", "body").await);
        assert_eq!(claim(&store, "k1", "other").await, Claim::Mismatch, "{db}");
        finish(&store, &token).await.unwrap();
        let refused = claim(&store, "k1", "other").await.or_refuse().unwrap_err();
        assert!(refused.is(CommonCode::IdempotencyKeyReused), "{db}");
    }
}

#[tokio::test]
async fn a_request_in_flight_says_when_to_come_back() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        fresh(claim(&store, "k1", "body").await);
        let refused = claim(&store, "k1", "body").await.or_refuse().unwrap_err();
        assert!(refused.is(CommonCode::IdempotencyInFlight), "{db}");
        assert!(refused.retry_after().is_some(), "{db}");
    }
}

#[tokio::test]
async fn a_request_in_an_open_transaction_is_in_flight_too() {
    let db = TestDb::postgres().await;
    let store = db.store("shop", shop()).await;
    let mut open = store.begin().await.unwrap();
    fresh(
        idempotency::begin(&mut open, "s", "k1", "body")
            .await
            .unwrap(),
    );
    let mut tx = store.begin().await.unwrap();
    let second = idempotency::begin(&mut tx, "s", "k1", "body")
        .await
        .unwrap();
    assert!(matches!(second, Claim::InFlight(_)), "{second:?}");
}

#[tokio::test]
async fn a_repeat_whose_transaction_is_still_open_keeps_nobody_from_the_answer() {
    let db = TestDb::postgres().await;
    let store = db.store("shop", shop()).await;
    let token = fresh(claim(&store, "k1", "body").await);
    finish(&store, &token).await.unwrap();
    let mut open = store.begin().await.unwrap();
    let first = idempotency::begin(&mut open, "POST /orders usr_1", "k1", "body").await;
    assert_eq!(first.unwrap(), Claim::Replay(answer()));
    assert_eq!(claim(&store, "k1", "body").await, Claim::Replay(answer()));
    assert_eq!(claim(&store, "k1", "other").await, Claim::Mismatch);
}

#[tokio::test]
async fn a_claim_whose_owner_crashed_is_taken_over_once() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db.store_with_clock("shop", shop(), clock.clone()).await;
        let crashed = fresh(claim(&store, "k1", "body").await);
        clock.advance(idempotency::LEASE);
        let heir = fresh(claim(&store, "k1", "body").await);
        assert!(
            matches!(claim(&store, "k1", "body").await, Claim::InFlight(_)),
            "{db}"
        );
        // The first was only slow, and comes too late.
        let late = finish(&store, &crashed).await.unwrap_err();
        assert!(late.is(CommonCode::IdempotencyInFlight), "{db}");
        finish(&store, &heir).await.unwrap();
        assert_eq!(
            claim(&store, "k1", "body").await,
            Claim::Replay(answer()),
            "{db}"
        );
    }
}

#[tokio::test]
async fn an_abandoned_claim_is_free_again() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        let token = fresh(claim(&store, "k1", "body").await);
        let mut tx = store.begin().await.unwrap();
        idempotency::abandon(&mut tx, &token).await.unwrap();
        tx.commit().await.unwrap();
        fresh(claim(&store, "k1", "body").await);
    }
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_time() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let store = db.store_with_clock("shop", shop(), clock.clone()).await;
        let token = fresh(claim(&store, "k1", "body").await);
        finish(&store, &token).await.unwrap();
        assert_eq!(idempotency::purge(&store, 10).await.unwrap(), 0, "{db}");
        clock.advance(idempotency::KEEP + Duration::from_millis(1));
        fresh(claim(&store, "k1", "other").await);
        clock.advance(idempotency::KEEP + Duration::from_millis(1));
        assert_eq!(idempotency::purge(&store, 10).await.unwrap(), 1, "{db}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_does_the_work() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        let all = futures::future::join_all((0..12).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { claim(&store, "k1", "body").await })
        }));
        let claims = all.await;
        let fresh = claims
            .iter()
            .filter(|c| matches!(c.as_ref().unwrap(), Claim::Fresh(_)));
        assert_eq!(fresh.count(), 1, "{db}: {claims:?}");
    }
}

#[test]
fn a_fingerprint_tells_requests_apart() {
    let print = idempotency::fingerprint("POST", "/orders", b"{}");
    assert_eq!(print, idempotency::fingerprint("POST", "/orders", b"{}"));
    for (method, path, body) in [
        ("PUT", "/orders", "{}"),
        ("POST", "/order", "s{}"),
        ("POST", "/orders", "{ }"),
    ] {
        assert_ne!(
            print,
            idempotency::fingerprint(method, path, body.as_bytes())
        );
    }
}
