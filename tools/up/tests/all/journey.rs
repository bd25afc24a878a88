//! The main job: register, log in, order, pay, be told, give back.

use serde_json::{Value, json};
use shoal_testkit::eventually;
use shoal_up::Up;

use super::person::{Person, SOON};
use super::stores::Stores;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_stocked_and_announced_on_embedded_stores() {
    journey(Stores::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_stocked_and_announced_on_postgresql_and_redis() {
    journey(Stores::servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_stocked_and_announced_by_services_that_find_each_other_in_etcd() {
    journey(Stores::servers_and_registry().await).await;
}

async fn journey(stores: Stores) {
    shoal_telemetry::Telemetry::init_for_tests();
    let up = Up::start(&stores.options()).await.unwrap();
    let gateway = format!("http://{}", up.addresses.gateway);
    let product = up.products.first().expect("the catalogue is there").clone();

    let ada = Person::new(&gateway, "ada@example.com").await;
    verification_mail_arrives(&stores).await;
    let before = ada.stock(&product).await;

    let placed: Value = ada.order("first", &product, 2).await.ok(201);
    assert_eq!(placed["status"], "confirmed", "{placed}");
    let id = placed["id"].as_str().unwrap();
    assert_eq!(ada.stock(&product).await, before - 2);
    ada.notified("order_confirmed").await;

    // The same key does nothing twice, and a stranger sees nothing.
    let replayed: Value = ada.order("first", &product, 2).await.ok(201);
    assert_eq!(replayed["id"], id);
    ada.order("first", &product, 3)
        .await
        .problem(422, "common.idempotency_key_reused");
    assert_eq!(ada.stock(&product).await, before - 2);
    let eve = Person::new(&gateway, "eve@example.com").await;
    eve.get(&format!("/order/v1/orders/{id}"))
        .send()
        .await
        .problem(404, "order.order_not_found");

    money_is_with_the_shop(&ada, &placed).await;
    given_back(&ada, &product, id, before).await;
    tokens_end(&ada).await;
    for (service, report) in up.shutdown(SOON).await {
        assert!(report.is_clean(), "{service}: {:?}", report.forced);
    }
}

async fn verification_mail_arrives(stores: &Stores) {
    let folder = stores.folder().join("mail/new");
    eventually(
        || async {
            let mails = std::fs::read_dir(&folder).ok()?;
            mails.flatten().find_map(|mail| {
                let text = std::fs::read_to_string(mail.path()).ok()?;
                text.contains("ada@example.com").then_some(())
            })
        },
        SOON,
    )
    .await;
}

async fn money_is_with_the_shop(ada: &Person, order: &Value) {
    let payment = order["payment_id"]
        .as_str()
        .expect("a confirmed order is paid");
    let payment: Value = ada
        .get(&format!("/billing/v1/payments/{payment}"))
        .send()
        .await
        .ok(200);
    assert_eq!(payment["captured"], order["total"], "{payment}");
    let invoices: Value = ada.get("/billing/v1/invoices").send().await.ok(200);
    assert_eq!(invoices["items"].as_array().unwrap().len(), 1, "{invoices}");
}

async fn given_back(ada: &Person, product: &str, id: &str, before: i64) {
    let cancelled = ada
        .post(&format!("/order/v1/orders/{id}/cancel"))
        .json(&json!({"reason": "Changed my mind"}))
        .send()
        .await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text());
    let order = ada.settled(id).await;
    assert_eq!(order["status"], "cancelled");
    assert_eq!(ada.stock(product).await, before);
    ada.notified("order_cancelled").await;
    let payment = order["payment_id"].as_str().unwrap();
    let payment: Value = ada
        .get(&format!("/billing/v1/payments/{payment}"))
        .send()
        .await
        .ok(200);
    assert_eq!(payment["refunded"], payment["captured"], "{payment}");
    ada.post(&format!("/order/v1/orders/{id}/cancel"))
        .json(&json!({}))
        .send()
        .await
        .problem(409, "order.illegal_move");
}

async fn tokens_end(ada: &Person) {
    let first = json!({"refresh_token": ada.refresh});
    let renewed: Value = ada
        .client
        .post("/auth/v1/refresh")
        .json(&first)
        .send()
        .await
        .ok(200);
    // The first one is used up: showing it again is theft, and ends the session.
    ada.client
        .post("/auth/v1/refresh")
        .json(&first)
        .send()
        .await
        .problem(401, "auth.refresh_token_reused");
    let second = json!({"refresh_token": renewed["refresh_token"]});
    let ended = ada
        .client
        .post("/auth/v1/refresh")
        .json(&second)
        .send()
        .await;
    assert_eq!(ended.status, 401, "{}", ended.text());
}
