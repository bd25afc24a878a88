//! What billing announces.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_testkit::{HttpSink, Received, TestDb};
use shoal_webhook::{DEFAULT_TOLERANCE, EVENT_ID_HEADER, SIGNATURE_HEADER, Secret, verify};
use sqlx::Row as _;

use super::support::{Desk, SOON, body, patient, raw, text};

fn check(received: &Received, secret: &str) -> Value {
    let now = shoal_task::Clock::now_ms(&shoal_task::SystemClock) / 1000;
    let header = |name: &str| received.header(name).unwrap();
    let secrets = [Secret::from_text(secret)];
    let (signature, id) = (header(SIGNATURE_HEADER), header(EVENT_ID_HEADER));
    verify(
        &secrets,
        signature,
        id,
        &received.body,
        now,
        DEFAULT_TOLERANCE,
    )
    .unwrap();
    received.json()
}

#[tokio::test]
async fn customers_hear_of_their_own_payments_and_the_platform_of_all_signed() {
    for db in TestDb::all().await {
        let desk = Desk::with(&db, |config| {
            patient(config);
            config.webhook.allow_private_targets = true;
            config.webhook.poll_interval_ms = 50;
        })
        .await;
        let (own, other, platform) = (
            HttpSink::start().await,
            HttpSink::start().await,
            HttpSink::start().await,
        );
        let register = async |path: &str, token: &str, sink: &HttpSink| {
            let request = json!({"url": sink.url("/hook")});
            let answer = desk
                .service
                .post(path)
                .bearer(token)
                .json(&request)
                .send()
                .await;
            text(&body(answer, 201), "secret")
        };
        let (first, second) = (desk.user("usr_1"), desk.user("usr_2"));
        let secret = register("/billing/v1/webhooks", &first, &own).await;
        register("/billing/v1/webhooks", &second, &other).await;
        let platform_secret =
            register("/billing/v1/platform-webhooks", &desk.admin, &platform).await;

        let id = desk.captured("ord_1", 1_000).await;
        desk.refund(&id, Some(300)).send().await.expect(201);
        // Authorized, captured with invoice, refunded with credit note.
        for (sink, secret) in [(&own, &secret), (&platform, &platform_secret)] {
            let events: Vec<Value> = sink
                .wait_for(5, SOON)
                .await
                .iter()
                .map(|received| check(received, secret))
                .collect();
            let mut kinds: Vec<String> = events.iter().map(|event| text(event, "type")).collect();
            kinds.sort_unstable();
            assert_eq!(
                kinds,
                [
                    "billing.invoice_issued.v1",
                    "billing.invoice_issued.v1",
                    "billing.payment_authorized.v1",
                    "billing.payment_captured.v1",
                    "billing.payment_refunded.v1",
                ]
            );
            for event in &events {
                assert_eq!(event["data"]["payment_id"], json!(id));
            }
        }
        assert!(other.received().is_empty());
        desk.close().await;
    }
}

#[tokio::test]
async fn a_webhook_that_is_down_is_tried_again() {
    let db = TestDb::sqlite();
    let desk = Desk::with(&db, |config| {
        patient(config);
        config.webhook.allow_private_targets = true;
        config.webhook.poll_interval_ms = 20;
        config.webhook.retry_initial_ms = 20;
    })
    .await;
    let sink = HttpSink::start().await;
    sink.script([shoal_testkit::Answer::status(503)]);
    let request =
        json!({"url": sink.url("/hook"), "event_types": ["billing.payment_authorized.v1"]});
    let user = desk.user("usr_1");
    desk.service
        .post("/billing/v1/webhooks")
        .bearer(&user)
        .json(&request)
        .send()
        .await
        .expect(201);
    desk.authorized("ord_1", 100).await;
    let received = sink.wait_for(2, Duration::from_secs(20)).await;
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(
        received[0].header(EVENT_ID_HEADER),
        received[1].header(EVENT_ID_HEADER)
    );
    desk.close().await;
}

#[tokio::test]
async fn each_fact_is_recorded_for_the_bus_with_its_documented_payload() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.authorized("ord_1", 1_000).await;
        desk.capture(&id, Some(600)).send().await.expect(201);
        desk.void(&id).send().await.expect(201);
        desk.refund(&id, None).send().await.expect(201);
        let declined = super::support::pay("usr_1", "ord_2", 666_601);
        desk.post("/billing/v1/payments", &declined)
            .send()
            .await
            .expect(402);

        let store = raw(&db).await;
        let mut conn = store.read().await.unwrap();
        let rows = sqlx::query("SELECT kind, subject, data FROM outbox ORDER BY seq")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        drop(conn);
        let events: Vec<(String, Value)> = rows
            .iter()
            .map(|row| {
                let data: String = row.get("data");
                (row.get("kind"), serde_json::from_str(&data).unwrap())
            })
            .collect();
        let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "billing.payment_authorized.v1",
                "billing.payment_captured.v1",
                "billing.invoice_issued.v1",
                "billing.payment_voided.v1",
                "billing.payment_refunded.v1",
                "billing.invoice_issued.v1",
                "billing.payment_failed.v1",
            ]
        );
        use shoal_proto::events::billing::{PaymentCapturedV1, PaymentFailedV1};
        let captured: PaymentCapturedV1 = serde_json::from_value(events[1].1.clone()).unwrap();
        assert_eq!(
            (captured.payment_id, captured.amount.minor_units),
            (id, 600)
        );
        let failed: PaymentFailedV1 = serde_json::from_value(events[6].1.clone()).unwrap();
        assert_eq!(
            (failed.operation.as_str(), failed.reason.as_str()),
            ("authorize", "insufficient_funds")
        );
        store.close().await;
        desk.close().await;
    }
}
