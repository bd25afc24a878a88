//! The provider keeps silent, or the process dies: nothing is lost or doubled.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shoal_billing::Billing;
use shoal_store::Dialect;
use shoal_testkit::{ManualClock, TestDb, TestService, eventually};

use super::support::{Desk, SOON, body, impatient, patient, pay, text};

#[tokio::test]
async fn an_authorization_whose_answer_was_lost_is_found_out_and_not_repeated() {
    for db in TestDb::all().await {
        for (amount, reference) in [(666_610, "ord_lost_answer"), (666_611, "ord_lost_request")] {
            let desk = Desk::with(&db, impatient).await;
            let request = pay("usr_1", reference, amount);
            let answer = desk.post("/billing/v1/payments", &request).send().await;
            let view = body(answer, 202);
            assert_eq!(view["operation_pending"], true);
            let id = text(&view, "id");
            desk.reaches(&id, "authorized").await;
            assert_eq!(desk.at_provider(&db, &id, "authorize").await, (1, amount));
            desk.close().await;
        }
    }
}

#[tokio::test]
async fn a_capture_and_a_refund_whose_answers_were_lost_are_booked_once() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, impatient).await;
        let id = desk.authorized("ord_1", 666_660).await;
        body(desk.capture(&id, None).send().await, 202);
        desk.reaches(&id, "captured").await;
        let id = desk.captured("ord_2", 1_000_000).await;
        body(desk.refund(&id, Some(666_661)).send().await, 202);
        desk.reaches(&id, "partially_refunded").await;
        assert_eq!(desk.at_provider(&db, &id, "refund").await, (1, 666_661));
        let invoices = desk.get("/billing/v1/invoices").await;
        assert_eq!(invoices["items"].as_array().unwrap().len(), 3);
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_repeat_of_the_request_finds_out_without_waiting_for_the_reconciler() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            impatient(config);
            config.provider.retry_initial_ms = 3_600_000;
            config.provider.retry_max_ms = 3_600_000;
        })
        .await;
        let request = pay("usr_1", "ord_1", 666_610);
        let send = || {
            let post = desk
                .service
                .post("/billing/v1/payments")
                .bearer(&desk.admin);
            post.idempotency_key("again").json(&request).send()
        };
        let pending = body(send().await, 202);
        let known = body(send().await, 201);
        assert_eq!(
            (&known["id"], &known["status"]),
            (&pending["id"], &"authorized".into())
        );
        assert_eq!(body(send().await, 201), known);
        desk.close().await;
    }
}

#[tokio::test]
async fn a_flaky_provider_is_tried_again_at_once() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        desk.authorized("ord_1", 666_640).await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_the_payment_undecided_until_it_is_given_up() {
    for db in TestDb::all().await {
        let clock = ManualClock::new(1_700_000_000_000);
        let service = TestService::<Billing>::builder()
            .config(impatient)
            .clock(Arc::clone(&clock) as _)
            .start(&db)
            .await;
        let admin = service.issuer.user("usr_admin", &["admin"]);
        let post = service
            .post("/billing/v1/payments")
            .bearer(&admin)
            .idempotency_key("k");
        let view = body(post.json(&pay("usr_1", "ord_1", 666_641)).send().await, 202);
        assert_eq!(view["status"], "authorizing");
        let path = format!("/billing/v1/payments/{}", text(&view, "id"));

        clock.advance(Duration::from_secs(60 * 60));
        let admin = service.issuer.user("usr_admin", &["admin"]);
        let probe = || async {
            let payment: Value = service.get(&path).bearer(&admin).send().await.ok(200);
            // Each look at it waits for the clock before the next.
            clock.advance(Duration::from_millis(200));
            if payment["status"] == "failed" {
                Ok(())
            } else {
                Err(payment)
            }
        };
        eventually(probe, SOON).await;
        let post = service
            .post("/billing/v1/payments")
            .bearer(&admin)
            .idempotency_key("k");
        let answer = post.json(&pay("usr_1", "ord_1", 666_641)).send().await;
        answer.problem(422, "billing.payment_failed");
        service.stop().await;
    }
}

#[tokio::test]
async fn an_operation_that_a_dead_process_left_behind_is_finished_by_the_next() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            patient(config);
            // Long enough to be cut off in the middle.
            config.provider.sandbox.slow_ms = 15_000;
        })
        .await;
        let request = pay("usr_1", "ord_1", 666_630);
        let post = desk
            .service
            .post("/billing/v1/payments")
            .bearer(&desk.admin);
        let scope = shoal_task::Scope::root("test");
        let first = post.idempotency_key("k").json(&request).try_send();
        drop(scope.spawn_detached_context("cut off", first));
        let probe = || async {
            let list = desk.get("/billing/v1/payments").await;
            let found = list["items"][0]["id"].as_str().map(str::to_owned);
            match found {
                Some(id) if desk.at_provider(&db, &id, "authorize").await.0 == 1 => Some(id),
                _ => None,
            }
        };
        let id = eventually(probe, SOON).await;
        desk.service.kill().await;
        scope.drain(Duration::ZERO).await;

        let clock = ManualClock::new(shoal_task::Clock::now_ms(&shoal_task::SystemClock));
        if db.dialect() == Dialect::Postgres {
            // Another process could hold the lease, so it has to end by itself.
            clock.advance(Duration::from_secs(120));
        }
        let service = TestService::<Billing>::builder()
            .config(patient)
            .clock(Arc::clone(&clock) as _)
            .start(&db)
            .await;
        let admin = service.issuer.user("usr_admin", &["admin"]);
        let path = format!("/billing/v1/payments/{id}");
        let probe = || async {
            let payment: Value = service.get(&path).bearer(&admin).send().await.ok(200);
            if payment["status"] == "authorized" {
                Ok(())
            } else {
                Err(payment)
            }
        };
        eventually(probe, SOON).await;
        let post = service
            .post("/billing/v1/payments")
            .bearer(&admin)
            .idempotency_key("k");
        let replay = body(post.json(&request).send().await, 201);
        assert_eq!(text(&replay, "id"), id);
        service.stop().await;
    }
}
