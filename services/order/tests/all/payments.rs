//! Placing and cancelling with a billing that declines, dawdles, forgets or dies.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_proto::billing::v1::PaymentStatus as Is;
use shoal_testkit::TestDb;

use super::billing::Act;
use super::support::{PATIENCE, Shop};

#[tokio::test]
async fn a_declined_payment_rejects_the_order_and_holds_nothing() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing.script("authorize", [Act::Decline]);
        let problem = shop
            .place("k1", &lamp, 2)
            .await
            .problem(402, "order.payment_declined");
        assert_eq!(problem.meta["decline_reason"], "insufficient_funds");
        let order = shop.get_order(&problem.meta["order_id"]).await;
        assert_eq!(order["status"], "rejected");
        assert_eq!(order["rejection"]["code"], "order.payment_declined");
        let again = shop
            .place("k1", &lamp, 2)
            .await
            .problem(402, "order.payment_declined");
        assert_eq!(again, problem, "the same key replays the refusal");
        assert_eq!(
            shop.billing.calls("authorize"),
            1,
            "a refusal is not tried again"
        );
        assert_eq!(shop.stock(&lamp).await, 5);
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_payment_method_that_billing_does_not_know_is_the_callers_fault() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing.script("authorize", [Act::Refuse]);
        shop.place("k1", &lamp, 1)
            .await
            .problem(422, "order.payment_invalid");
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn lost_answers_are_asked_for_again_and_nobody_pays_twice() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing
            .script("authorize", [Act::LoseAnswer, Act::Fail]);
        shop.billing.script("capture", [Act::LoseAnswer]);
        let order: Value = shop.place("k1", &lamp, 1).await.ok(201);
        assert_eq!(
            shop.billing.payments(order["id"].as_str().unwrap()).len(),
            1
        );
        assert_eq!(
            (
                shop.billing.calls("authorize"),
                shop.billing.calls("capture")
            ),
            (3, 2)
        );
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn money_whose_fate_is_unknown_is_given_back() {
    for db in TestDb::all().await {
        for (method, was) in [("authorize", Is::Voided), ("capture", Is::Refunded)] {
            let shop = Shop::open(&db).await;
            let lamp = shop.product("EUR", 3_900, 5).await;
            shop.billing.script(method, vec![Act::LoseAnswer; 4]);
            let answer = shop.place(method, &lamp, 1).await;
            let problem = answer.problem(503, "order.payment_unavailable");
            let [payment] = &shop.billing.all_payments()[..] else {
                panic!("one payment")
            };
            assert_eq!(payment.status, was);
            assert_eq!(payment.reference, problem.meta["order_id"]);
            shop.check_books(&lamp, 5).await;
            shop.close().await;
        }
    }
}

#[tokio::test]
async fn a_billing_that_answers_too_late_takes_nothing() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.payment_timeout_ms = 60).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing
            .script("authorize", vec![Act::Late(Duration::from_millis(250)); 4]);
        shop.place("k1", &lamp, 1)
            .await
            .problem(503, "order.payment_unavailable");
        shoal_testkit::eventually(|| async { shop.billing.is_settled() }, PATIENCE).await;
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_billing_that_is_down_rejects_the_order_at_once_and_parks_nothing() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing.go_down();
        shop.place("k1", &lamp, 1)
            .await
            .problem(503, "order.payment_unavailable");
        assert_eq!(
            shop.count("SELECT COUNT(*) FROM saga WHERE phase = 'parked'")
                .await,
            0
        );
        assert_eq!(shop.stock(&lamp).await, 5);
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn every_step_may_happen_twice_and_the_books_still_add_up() {
    for db in TestDb::all().await {
        let faults = "place_order.*=twice,place_order.*.undo=twice,cancel_order.*=twice";
        let twice = |config: &mut shoal_order::OrderConfig| config.saga.faults = faults.to_owned();
        let shop = Shop::open_with(&db, twice).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.place("k1", &lamp, 1).await.ok::<Value>(201);
        shop.billing.script("capture", [Act::Refuse]);
        shop.place("k2", &lamp, 1)
            .await
            .problem(422, "order.payment_invalid");
        let third: Value = shop.place("k3", &lamp, 1).await.ok(201);
        let path = format!("/order/v1/orders/{}/cancel", third["id"].as_str().unwrap());
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        cancel.send().await.ok::<Value>(200);
        assert_eq!(shop.stock(&lamp).await, 4);
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_that_takes_long_is_answered_with_202_and_goes_on() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.wait_ms = 40).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing
            .script("authorize", [Act::Late(Duration::from_millis(400))]);
        let answer = shop.place("k1", &lamp, 1).await;
        let location = answer.header("location").unwrap().to_owned();
        let order: Value = answer.ok(202);
        assert_eq!(order["status"], "pending");
        let path = format!("{location}/cancel");
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        cancel.send().await.problem(409, "order.illegal_move");
        shop.until(order["id"].as_str().unwrap(), "confirmed").await;
        let again: Value = shop.place("k1", &lamp, 1).await.ok(202);
        assert_eq!(again, order, "the same key replays the first answer");
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_compensation_that_fails_waits_for_an_admin_who_lets_it_go_on() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.wait_ms = 2_000).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        shop.billing.script("capture", [Act::Refuse]);
        shop.billing.script("cancel", vec![Act::Fail; 4]);
        let order: Value = shop.place("k1", &lamp, 1).await.ok(202);
        let sagas = async |path: &str, token: &str| {
            let path = format!("/order/v1/sagas/{path}");
            shop.service.get(&path).bearer(token).send().await
        };
        sagas("parked", &shop.buyer())
            .await
            .problem(403, "common.permission_denied");
        let page: Value = sagas("parked", &shop.admin()).await.ok(200);
        let parked = &page["items"][0];
        assert_eq!(parked["subject"], order["id"]);
        assert_eq!(
            (&parked["step"], &parked["direction"]),
            (&json!("authorize"), &json!("backward"))
        );
        let id = parked["id"].as_str().unwrap();
        let whole: Value = sagas(id, &shop.admin()).await.ok(200);
        let failed = whole["log"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|l| l["entry"] == "failed");
        assert_eq!(failed.count(), 5, "one capture and four compensations");
        let decide = async |id: &str| {
            let path = format!("/order/v1/sagas/{id}/decision");
            let request = shop.service.post(&path).bearer(&shop.admin());
            request.json(&json!({"decision": "retry"})).send().await
        };
        decide(id).await.ok::<Value>(202);
        shop.until(order["id"].as_str().unwrap(), "rejected").await;
        decide(id).await.problem(409, "order.saga_not_parked");
        decide("sga_none")
            .await
            .problem(404, "order.saga_not_found");
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_that_billing_refuses_leaves_the_order_as_it_was() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let order: Value = shop.place("k1", &lamp, 1).await.ok(201);
        let id = order["id"].as_str().unwrap();
        shop.billing.script("cancel", [Act::Refuse]);
        let path = format!("/order/v1/orders/{id}/cancel");
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        cancel.send().await.problem(409, "order.refund_refused");
        assert_eq!(shop.get_order(id).await["status"], "confirmed");
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_whose_fate_is_unknown_waits_for_an_admin() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.wait_ms = 2_000).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let order: Value = shop.place("k1", &lamp, 1).await.ok(201);
        let id = order["id"].as_str().unwrap();
        shop.billing.script("cancel", vec![Act::LoseAnswer; 4]);
        let path = format!("/order/v1/orders/{id}/cancel");
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        let pending: Value = cancel.send().await.ok(202);
        assert_eq!(pending["status"], "cancelling");
        let parked = shop
            .service
            .get("/order/v1/sagas/parked")
            .bearer(&shop.admin());
        let page: Value = parked.send().await.ok(200);
        let saga = page["items"][0]["id"].as_str().unwrap();
        let path = format!("/order/v1/sagas/{saga}/decision");
        let decide = shop.service.post(&path).bearer(&shop.admin());
        decide
            .json(&json!({"decision": "retry"}))
            .send()
            .await
            .ok::<Value>(202);
        shop.until(id, "cancelled").await;
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn billing_is_called_in_the_trace_of_the_request() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let trace = format!("{:032x}", rand_id());
        let body = json!({"items": [{"product_id": lamp, "quantity": 1}]});
        let request = shop.service.post("/order/v1/orders").bearer(&shop.buyer());
        let request = request.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
        request
            .idempotency_key("k1")
            .json(&body)
            .send()
            .await
            .ok::<Value>(201);
        let traces = shop.billing.traces();
        assert_eq!(traces.len(), 2);
        assert!(
            traces.iter().all(|t| t.contains(&trace)),
            "{trace} in {traces:?}"
        );
        shop.close().await;
    }
}

/// A trace of this test's own; its randomness decides nothing.
fn rand_id() -> u128 {
    let text = shoal_store::id::new("x");
    text.bytes().fold(1, |id: u128, byte| {
        id.wrapping_mul(131).wrapping_add(byte.into())
    })
}
