//! The same key does the same thing once.

use futures::future::join_all;
use serde_json::Value;
use shoal_testkit::{TestDb, TestRequest};

use super::support::{Desk, body, part, pay, text};

fn keyed(desk: &Desk, path: &str, key: &str, request: &Value) -> TestRequest {
    desk.service
        .post(path)
        .bearer(&desk.admin)
        .idempotency_key(key)
        .json(request)
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_even_when_the_payment_has_moved_on() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let request = pay("usr_1", "ord_1", 1_000);
        let first = body(
            keyed(&desk, "/billing/v1/payments", "a", &request)
                .send()
                .await,
            201,
        );
        let id = text(&first, "id");
        let path = format!("/billing/v1/payments/{id}/captures");
        let captured = body(keyed(&desk, &path, "a", &part(Some(300))).send().await, 201);
        desk.refund(&id, Some(100)).send().await.expect(201);

        assert_eq!(
            body(
                keyed(&desk, "/billing/v1/payments", "a", &request)
                    .send()
                    .await,
                201
            ),
            first
        );
        assert_eq!(
            body(keyed(&desk, &path, "a", &part(Some(300))).send().await, 201),
            captured
        );
        assert_eq!(desk.at_provider(&db, &id, "authorize").await, (1, 1_000));
        assert_eq!(desk.at_provider(&db, &id, "capture").await, (1, 300));
        desk.close().await;
    }
}

#[tokio::test]
async fn a_decline_is_replayed_too() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let request = pay("usr_1", "ord_1", 666_601);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let answer = keyed(&desk, "/billing/v1/payments", "a", &request)
                .send()
                .await;
            let problem = answer.problem(402, "billing.payment_declined");
            seen.push(problem.meta["payment_id"].clone());
        }
        assert_eq!(seen[0], seen[1]);
        desk.close().await;
    }
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let path = "/billing/v1/payments";
        let first = body(
            keyed(&desk, path, "a", &pay("usr_1", "ord_1", 1_000))
                .send()
                .await,
            201,
        );
        for other in [
            pay("usr_1", "ord_1", 1_001),
            pay("usr_2", "ord_1", 1_000),
            pay("usr_1", "ord_2", 1_000),
        ] {
            keyed(&desk, path, "a", &other)
                .send()
                .await
                .problem(422, "common.idempotency_key_reused");
        }
        let captures = format!("{path}/{}/captures", text(&first, "id"));
        keyed(&desk, &captures, "b", &part(Some(1)))
            .send()
            .await
            .expect(201);
        keyed(&desk, &captures, "b", &part(Some(2)))
            .send()
            .await
            .problem(422, "common.idempotency_key_reused");
        desk.close().await;
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let path = "/billing/v1/payments";
        let bad = keyed(&desk, path, "a", &pay("usr_1", "ord_1", -1))
            .send()
            .await;
        bad.problem(400, "money.not_positive");
        keyed(&desk, path, "a", &pay("usr_1", "ord_1", 1))
            .send()
            .await
            .expect(201);
        desk.close().await;
    }
}

#[tokio::test]
async fn keys_of_two_callers_do_not_meet() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let path = "/billing/v1/payments";
        let other = desk.service.issuer.user("svc_shop", &["service"]);
        let first = body(
            keyed(&desk, path, "a", &pay("usr_1", "ord_1", 1))
                .send()
                .await,
            201,
        );
        let request = desk.service.post(path).bearer(&other).idempotency_key("a");
        let second = body(request.json(&pay("usr_1", "ord_1", 2)).send().await, 201);
        assert_ne!(first["id"], second["id"]);
        desk.close().await;
    }
}

#[tokio::test]
async fn of_many_simultaneous_requests_with_one_key_one_is_carried_out() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        // Slow, so that the others arrive while the first one is under way.
        let request = pay("usr_1", "ord_race", 666_630);
        let path = "/billing/v1/payments";
        let race = (0..24).map(|_| keyed(&desk, path, "race", &request).send());
        let answers = join_all(race).await;
        let mut done = Vec::new();
        for answer in answers {
            match answer.status.as_u16() {
                201 => done.push(text(&answer.json(), "id")),
                _ => drop(answer.problem(409, "common.idempotency_in_flight")),
            }
        }
        assert!(!done.is_empty());
        assert!(done.iter().all(|id| *id == done[0]), "{done:?}");
        let list = desk.get("/billing/v1/payments?reference=ord_race").await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        let late = keyed(&desk, path, "race", &request).send().await;
        assert_eq!(text(&body(late, 201), "id"), done[0]);
        assert_eq!(
            desk.at_provider(&db, &done[0], "authorize").await,
            (1, 666_630)
        );
        desk.close().await;
    }
}

#[tokio::test]
async fn a_key_whose_request_is_under_way_is_in_flight() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            super::support::patient(config);
            config.provider.sandbox.slow_ms = 3_000;
        })
        .await;
        let request = pay("usr_1", "ord_1", 666_630);
        let path = "/billing/v1/payments";
        let slow = keyed(&desk, path, "a", &request).send();
        let repeat = async {
            let probe = || async {
                let list = desk.get("/billing/v1/payments").await;
                !list["items"].as_array().unwrap().is_empty()
            };
            shoal_testkit::eventually(probe, super::support::SOON).await;
            keyed(&desk, path, "a", &request).send().await
        };
        let (first, second) = tokio::join!(slow, repeat);
        first.expect(201);
        assert!(second.header("retry-after").is_some());
        second.problem(409, "common.idempotency_in_flight");
        desk.close().await;
    }
}
