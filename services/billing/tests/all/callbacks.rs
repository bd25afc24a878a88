//! Callbacks of the provider.

use serde_json::{Value, json};
use shoal_billing::provider::callback::{
    Callback, CallbackOutcome, ID_HEADER, SIGNATURE_HEADER, SignedCallback,
};
use shoal_task::Clock as _;
use shoal_testkit::{TestDb, TestRequest};
use shoal_webhook::Secret;

use super::support::{Desk, body, impatient, pay, text};

const PATH: &str = "/billing/v1/provider/callbacks";
const SECRET: &str = "whsec_of_the_test";

async fn open(db: &TestDb) -> Desk {
    Desk::with(db, |config| {
        impatient(config);
        config.provider.callback_secret = Some(SECRET.to_owned().into());
        // Nothing but callbacks settles anything.
        config.provider.retry_initial_ms = 3_600_000;
        config.provider.retry_max_ms = 3_600_000;
    })
    .await
}

fn send(desk: &Desk, sealed: &SignedCallback) -> TestRequest {
    desk.service
        .post(PATH)
        .header(ID_HEADER, &sealed.id)
        .header(SIGNATURE_HEADER, &sealed.signature)
        .body("application/json", sealed.body.clone())
}

fn seal(id: &str, operation: &str, outcome: CallbackOutcome, secret: &str) -> SignedCallback {
    let reason = (outcome == CallbackOutcome::Declined).then(|| "stolen_card".to_owned());
    let callback = Callback {
        id: id.into(),
        operation: operation.into(),
        outcome,
        reason,
    };
    let now = shoal_task::SystemClock.now_ms();
    SignedCallback::seal(&callback, &Secret::from_text(secret), now).unwrap()
}

/// A payment whose authorization nobody has heard back from.
async fn undecided(desk: &Desk) -> (String, String) {
    let request = pay("usr_1", "ord_1", 666_641);
    let view = body(
        desk.post("/billing/v1/payments", &request).send().await,
        202,
    );
    let id = text(&view, "id");
    let operation = text(&desk.payment(&id).await["operations"][0], "id");
    (id, operation)
}

#[tokio::test]
async fn the_sandbox_calls_back_twice_and_it_counts_once() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            impatient(config);
            config.provider.retry_initial_ms = 3_600_000;
            config.provider.retry_max_ms = 3_600_000;
        })
        .await;
        let request = pay("usr_1", "ord_1", 666_620);
        let view = body(
            desk.post("/billing/v1/payments", &request).send().await,
            202,
        );
        let id = text(&view, "id");
        desk.reaches(&id, "authorized").await;
        let captured = body(desk.capture(&id, None).send().await, 202);
        assert_eq!(captured["document_id"], Value::Null);
        desk.reaches(&id, "captured").await;
        let invoices = desk.get("/billing/v1/invoices").await;
        assert_eq!(invoices["items"].as_array().unwrap().len(), 1);
        desk.assert_balanced().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn a_signed_callback_settles_and_its_repeats_change_nothing() {
    for db in TestDb::all().await {
        let desk = open(&db).await;
        let (id, operation) = undecided(&desk).await;
        let approved = seal("cb_1", &operation, CallbackOutcome::Approved, SECRET);
        assert_eq!(
            body(send(&desk, &approved).send().await, 200),
            json!({"result": "settled"})
        );
        assert_eq!(desk.payment(&id).await["status"], "authorized");
        for _ in 0..2 {
            assert_eq!(
                body(send(&desk, &approved).send().await, 200),
                json!({"result": "duplicate"})
            );
        }
        // Another answer to a settled question comes too late.
        let declined = seal("cb_2", &operation, CallbackOutcome::Declined, SECRET);
        assert_eq!(
            body(send(&desk, &declined).send().await, 200),
            json!({"result": "duplicate"})
        );
        assert_eq!(desk.payment(&id).await["status"], "authorized");
        desk.close().await;
    }
}

#[tokio::test]
async fn a_callback_can_decline() {
    for db in TestDb::all().await {
        let desk = open(&db).await;
        let (id, operation) = undecided(&desk).await;
        let declined = seal("cb_1", &operation, CallbackOutcome::Declined, SECRET);
        send(&desk, &declined).send().await.expect(200);
        let payment = desk.payment(&id).await;
        assert_eq!(
            (&payment["status"], &payment["decline_reason"]),
            (&json!("declined"), &json!("stolen_card"))
        );
        desk.close().await;
    }
}

#[tokio::test]
async fn a_callback_without_a_good_signature_is_refused() {
    for db in TestDb::all().await {
        let desk = open(&db).await;
        let (id, operation) = undecided(&desk).await;
        let good = seal("cb_1", &operation, CallbackOutcome::Approved, SECRET);
        let forged = seal("cb_1", &operation, CallbackOutcome::Approved, "whsec_guess");
        let mut altered = good.clone();
        altered.body = String::from_utf8(good.body.clone())
            .unwrap()
            .replace("approved", "declined")
            .into();
        let renamed = SignedCallback {
            id: "cb_9".into(),
            ..good.clone()
        };
        for bad in [forged, altered, renamed] {
            send(&desk, &bad)
                .send()
                .await
                .problem(401, "billing.callback_signature");
        }
        let bare = desk
            .service
            .post(PATH)
            .body("application/json", good.body.clone());
        bare.send().await.problem(401, "billing.callback_signature");
        let huge = SignedCallback {
            body: vec![b' '; 20_000],
            ..good.clone()
        };
        send(&desk, &huge)
            .send()
            .await
            .problem(413, "common.payload_too_large");
        let stranger = seal("cb_3", "op_nobody", CallbackOutcome::Approved, SECRET);
        assert_eq!(
            body(send(&desk, &stranger).send().await, 200),
            json!({"result": "unknown"})
        );
        assert_eq!(desk.payment(&id).await["status"], "authorizing");
        desk.close().await;
    }
}
