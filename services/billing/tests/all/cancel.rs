//! Undoing whatever was paid under a reference.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{Desk, body, impatient, pay, units};

async fn cancel(desk: &Desk, reference: &str) -> Value {
    let path = format!("/billing/v1/references/{reference}/cancel");
    body(
        desk.post(&path, &json!({"reason": "Order cancelled"}))
            .send()
            .await,
        200,
    )
}

#[tokio::test]
async fn a_cancelled_reference_gives_back_everything_and_takes_nothing_more() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let authorized = desk.authorized("ord_1", 100).await;
        let partly = desk.authorized("ord_1", 200).await;
        desk.capture(&partly, Some(150)).send().await.expect(201);
        let captured = desk.captured("ord_1", 300).await;
        let elsewhere = desk.captured("ord_2", 400).await;

        let cancelled = cancel(&desk, "ord_1").await;
        assert_eq!(cancelled["settled"], true, "{cancelled}");
        assert_eq!(cancelled["payments"].as_array().unwrap().len(), 3);
        assert_eq!(desk.payment(&authorized).await["status"], "voided");
        let partly = desk.payment(&partly).await;
        assert_eq!(
            (units(&partly["released"]), units(&partly["refunded"])),
            (50, 150)
        );
        assert_eq!(desk.payment(&captured).await["status"], "refunded");
        assert_eq!(desk.payment(&elsewhere).await["status"], "captured");

        let late = desk
            .post("/billing/v1/payments", &pay("usr_1", "ord_1", 5))
            .send()
            .await;
        late.problem(409, "billing.reference_cancelled");
        let note = desk.get("/billing/v1/invoices?kind=credit_note").await;
        let text = note["items"][0]["lines"][0]["description"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(text.contains("Order cancelled"), "{text}");
        let again = cancel(&desk, "ord_1").await;
        assert_eq!(again["payments"], cancelled["payments"]);
        assert_eq!(desk.at_provider(&db, &captured, "refund").await, (1, 300));
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_reference_can_be_cancelled_before_anything_was_paid() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let cancelled = cancel(&desk, "ord_1").await;
        assert_eq!(cancelled, json!({"payments": [], "settled": true}));
        let late = desk
            .post("/billing/v1/payments", &pay("usr_1", "ord_1", 5))
            .send()
            .await;
        late.problem(409, "billing.reference_cancelled");
        desk.close().await;
    }
}

#[tokio::test]
async fn an_authorization_that_races_with_the_cancellation_never_survives() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        for round in 0..12 {
            let reference = format!("ord_{round}");
            let request = pay("usr_1", &reference, 100);
            let authorize = desk.post("/billing/v1/payments", &request).send();
            let (answer, _) = tokio::join!(authorize, cancel(&desk, &reference));
            let status = answer.status.as_u16();
            assert!(matches!(status, 201 | 409), "{}", answer.text());
            let probe = || async { cancel(&desk, &reference).await["settled"] == true };
            shoal_testkit::eventually(probe, super::support::SOON).await;
            for payment in cancel(&desk, &reference).await["payments"]
                .as_array()
                .unwrap()
            {
                assert_eq!(payment["status"], "voided");
            }
        }
        desk.close().await;
    }
}

#[tokio::test]
async fn a_payment_whose_outcome_is_unknown_is_undone_once_it_is_known() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            impatient(config);
            // Only the cancellation itself asks again.
            config.provider.retry_initial_ms = 3_600_000;
            config.provider.retry_max_ms = 3_600_000;
        })
        .await;
        let request = pay("usr_1", "ord_1", 666_610);
        let view = body(
            desk.post("/billing/v1/payments", &request).send().await,
            202,
        );
        assert_eq!(view["status"], "authorizing");
        // The answer to the void is lost too, so it takes more than one call.
        let probe = || async {
            let cancelled = cancel(&desk, "ord_1").await;
            let done = cancelled["settled"] == true;
            if done { Ok(cancelled) } else { Err(cancelled) }
        };
        let cancelled = shoal_testkit::eventually(probe, super::support::SOON).await;
        assert_eq!(cancelled["payments"][0]["status"], "voided");
        let id = view["id"].as_str().unwrap();
        assert_eq!(desk.at_provider(&db, id, "void").await, (1, 666_610));
        desk.close().await;
    }
}

#[tokio::test]
async fn a_lost_authorization_is_buried_and_not_sent_again_when_nobody_wants_it() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, impatient).await;
        let request = pay("usr_1", "ord_1", 666_641);
        let view = body(
            desk.post("/billing/v1/payments", &request).send().await,
            202,
        );
        cancel(&desk, "ord_1").await;
        let id = view["id"].as_str().unwrap();
        let failed = desk.reaches(id, "failed").await;
        assert_eq!(failed["decline_reason"], "never_reached_provider");
        assert_eq!(cancel(&desk, "ord_1").await["settled"], true);
        desk.close().await;
    }
}

#[tokio::test]
async fn a_provider_that_refuses_to_give_back_calls_for_a_person() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 666_652).await;
        assert_eq!(cancel(&desk, "ord_1").await["settled"], false);
        let probe = || async { desk.payment(&id).await["needs_attention"] == true };
        shoal_testkit::eventually(probe, super::support::SOON).await;
        let payment = desk.payment(&id).await;
        assert_eq!(payment["operation_pending"], false);
        let refusals = payment["operations"].as_array().unwrap().iter();
        assert_eq!(
            refusals
                .filter(|o| o["kind"] == "refund" && o["status"] == "failed")
                .count(),
            5
        );
        // A person gives it back in two parts.
        desk.refund(&id, Some(1)).send().await.expect(201);
        desk.assert_balanced().await;
        desk.close().await;
    }
}
