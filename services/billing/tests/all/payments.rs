//! The life of a payment, through HTTP.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{Desk, body, eur, pay, text, units};

#[tokio::test]
async fn a_payment_is_authorized_captured_and_refunded_in_parts() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 10_000).await;

        let first = body(desk.capture(&id, Some(4_000)).send().await, 201);
        assert_eq!(first["payment"]["status"], "partially_captured");
        assert_eq!(units(&first["payment"]["capturable"]), 6_000);
        let rest = body(desk.capture(&id, None).send().await, 201);
        assert_eq!(rest["payment"]["status"], "captured");
        assert_ne!(first["document_id"], rest["document_id"]);

        let back = body(desk.refund(&id, Some(2_500)).send().await, 201);
        assert_eq!(back["payment"]["status"], "partially_refunded");
        desk.refund(&id, Some(7_501))
            .send()
            .await
            .problem(422, "billing.exceeds_refundable");
        let all = body(desk.refund(&id, None).send().await, 201);
        assert_eq!(all["payment"]["status"], "refunded");
        assert_eq!(units(&all["payment"]["refunded"]), 10_000);
        desk.refund(&id, None)
            .send()
            .await
            .problem(409, "billing.not_refundable");

        let detail = desk.payment(&id).await;
        let kinds: Vec<&str> = detail["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|operation| operation["kind"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            ["authorize", "capture", "capture", "refund", "refund"]
        );
        assert_eq!(desk.at_provider(&db, &id, "capture").await, (2, 10_000));
        assert_eq!(desk.at_provider(&db, &id, "refund").await, (2, 10_000));
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_voided_payment_can_be_voided_again_and_not_captured() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 500).await;
        let voided = body(desk.void(&id).send().await, 201);
        assert_eq!(voided["payment"]["status"], "voided");
        assert_eq!(
            body(desk.void(&id).send().await, 201)["payment"]["status"],
            "voided"
        );
        desk.capture(&id, None)
            .send()
            .await
            .problem(409, "billing.not_capturable");
        desk.refund(&id, None)
            .send()
            .await
            .problem(409, "billing.not_refundable");
        assert_eq!(desk.at_provider(&db, &id, "void").await, (1, 500));
        desk.close().await;
    }
}

#[tokio::test]
async fn what_is_left_of_a_partial_capture_is_voided_and_the_captured_part_refunded() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 500).await;
        desk.capture(&id, Some(200)).send().await.expect(201);
        let voided = body(desk.void(&id).send().await, 201);
        assert_eq!(voided["payment"]["status"], "captured");
        assert_eq!(units(&voided["payment"]["released"]), 300);
        desk.void(&id)
            .send()
            .await
            .problem(409, "billing.not_voidable");
        let refunded = body(desk.refund(&id, None).send().await, 201);
        assert_eq!(refunded["payment"]["status"], "refunded");
        assert_eq!(units(&refunded["payment"]["refunded"]), 200);
        desk.close().await;
    }
}

#[tokio::test]
async fn more_than_was_authorized_is_never_captured() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 500).await;
        let problem = desk
            .capture(&id, Some(501))
            .send()
            .await
            .problem(422, "billing.exceeds_capturable");
        assert_eq!(problem.meta["left_minor_units"], "500");
        assert_eq!(desk.payment(&id).await["status"], "authorized");
        desk.close().await;
    }
}

#[tokio::test]
async fn each_magic_decline_is_final_and_says_why() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let reasons = [
            (666_601, "insufficient_funds"),
            (666_602, "card_expired"),
            (666_603, "suspected_fraud"),
        ];
        for (amount, reason) in reasons {
            let request = pay("usr_1", &format!("ord_{amount}"), amount);
            let problem = desk.post("/billing/v1/payments", &request).send().await;
            let problem = problem.problem(402, "billing.payment_declined");
            assert_eq!(problem.meta["decline_reason"], reason);
            let id = problem.meta["payment_id"].clone();
            let payment = desk.payment(&id).await;
            assert_eq!(payment["status"], "declined");
            assert_eq!(payment["decline_reason"], reason);
            desk.capture(&id, None)
                .send()
                .await
                .problem(409, "billing.not_capturable");
        }
        desk.close().await;
    }
}

#[tokio::test]
async fn an_operation_that_the_provider_refuses_moves_nothing() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 666_651).await;
        let problem = desk
            .capture(&id, None)
            .send()
            .await
            .problem(422, "billing.provider_refused");
        assert_eq!(problem.meta["reason"], "authorization_expired");
        assert_eq!(desk.payment(&id).await["status"], "authorized");
        desk.capture(&id, Some(100)).send().await.expect(201);

        let id = desk.captured("ord_2", 666_652).await;
        desk.refund(&id, None)
            .send()
            .await
            .problem(422, "billing.provider_refused");
        assert_eq!(desk.payment(&id).await["status"], "captured");

        let id = desk.authorized("ord_3", 666_653).await;
        desk.void(&id)
            .send()
            .await
            .problem(422, "billing.provider_refused");
        assert_eq!(desk.payment(&id).await["status"], "authorized");
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn payments_are_listed_newest_first_page_by_page_and_by_filter() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let mut ids = Vec::new();
        for number in 0..7 {
            ids.push(
                desk.authorized(&format!("ord_{}", number % 2), 100 + number)
                    .await,
            );
        }
        desk.capture(&ids[3], None).send().await.expect(201);
        ids.reverse();

        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = desk
                .get(&format!("/billing/v1/payments?limit=3{cursor}"))
                .await;
            seen.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| text(item, "id")),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, ids);
        let count = |page: Value| page["items"].as_array().unwrap().len();
        assert_eq!(
            count(desk.get("/billing/v1/payments?reference=ord_1").await),
            3
        );
        assert_eq!(
            count(desk.get("/billing/v1/payments?status=captured").await),
            1
        );
        assert_eq!(
            count(desk.get("/billing/v1/payments?user_id=usr_other").await),
            0
        );
        let stolen = desk.get("/billing/v1/payments?limit=3").await["next_cursor"].clone();
        let path = format!(
            "/billing/v1/payments?reference=ord_1&cursor={}",
            stolen.as_str().unwrap()
        );
        desk.service
            .get(&path)
            .bearer(&desk.admin)
            .send()
            .await
            .problem(400, "common.invalid_cursor");
        desk.close().await;
    }
}

#[tokio::test]
async fn amounts_are_taken_as_decimals_of_their_currency_too() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let amounts = [
            ("EUR", "19.9", 1_990),
            ("JPY", "500", 500),
            ("KWD", "1.234", 1_234),
        ];
        for (currency, decimal, minor) in amounts {
            let request = json!({"user_id": "usr_1", "reference": "ord_1",
                "amount": {"currency": currency, "decimal": decimal}});
            let view = body(
                desk.post("/billing/v1/payments", &request).send().await,
                201,
            );
            assert_eq!(
                view["amount"],
                json!({"currency": currency, "minor_units": minor})
            );
        }
        let location = desk
            .post("/billing/v1/payments", &pay("usr_1", "ord_2", 5))
            .send()
            .await;
        let location = location.header("location").unwrap().to_owned();
        assert_eq!(desk.get(&location).await["amount"], eur(5));
        desk.close().await;
    }
}
