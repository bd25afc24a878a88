//! Bad input through the door: a documented problem each time, and nothing
//! half-written.

use serde_json::{Value, json};
use shoal_up::Up;

use super::person::{Person, SOON};
use super::stores::Stores;

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_a_documented_problem_and_leaves_nothing_behind() {
    shoal_telemetry::Telemetry::init_for_tests();
    let stores = Stores::embedded();
    let up = Up::start(&stores.options()).await.unwrap();
    let gateway = format!("http://{}", up.addresses.gateway);
    let ada = Person::new(&gateway, "ada@example.com").await;
    let product = up.products[0].as_str();
    let before = ada.stock(product).await;

    bodies(&ada).await;
    amounts(&ada, product).await;
    callers(&ada, product).await;
    queries(&ada).await;

    let orders: Value = ada.get("/order/v1/orders").send().await.ok(200);
    assert_eq!(orders["items"], json!([]), "nothing was half-written");
    assert_eq!(ada.stock(product).await, before);
    codes_are_documented(&ada).await;
    up.shutdown(SOON).await;
}

async fn bodies(ada: &Person) {
    let post = || ada.post("/order/v1/orders").idempotency_key("bad");
    post()
        .body("application/json", "{\"items\": [")
        .send()
        .await
        .problem(400, "common.malformed_body");
    post()
        .json(&json!({"items": "two"}))
        .send()
        .await
        .problem(400, "common.invalid_field");
    let unknown = post()
        .json(&json!({"items": [], "discount": 100}))
        .send()
        .await;
    let unknown = unknown.problem(400, "common.unknown_field");
    assert_eq!(unknown.errors[0].field, "/discount");
    post()
        .body("text/plain", "{}")
        .send()
        .await
        .problem(415, "common.unsupported_media_type");
    let huge = "x".repeat(2 * 1024 * 1024);
    post()
        .json(&json!({"items": [], "payment_method": huge}))
        .send()
        .await
        .problem(413, "common.payload_too_large");
    ada.post("/order/v1/orders")
        .json(&json!({"items": []}))
        .send()
        .await
        .problem(400, "common.idempotency_key_missing");
}

async fn amounts(ada: &Person, product: &str) {
    let order = |key: &'static str, body: Value| async move {
        ada.post("/order/v1/orders")
            .idempotency_key(key)
            .json(&body)
            .send()
            .await
    };
    for quantity in [0, -1] {
        let body = json!({"items": [{"product_id": product, "quantity": quantity}]});
        let answer = order("neg", body).await;
        assert_eq!(answer.status, 400, "{quantity}: {}", answer.text());
    }
    let body = json!({"currency": "USD", "items": [{"product_id": product, "quantity": 1}]});
    order("usd", body)
        .await
        .problem(422, "order.currency_mismatch");
    let body = json!({"items": [{"product_id": "prd_nothing", "quantity": 1}]});
    let answer = order("none", body).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());
    let wrong =
        json!({"items": [{"product_id": product, "quantity": 1}], "expected_total_minor_units": 1});
    order("price", wrong)
        .await
        .problem(409, "order.price_changed");
}

async fn callers(ada: &Person, product: &str) {
    let body = json!({"items": [{"product_id": product, "quantity": 1}]});
    let anonymous = ada
        .client
        .post("/order/v1/orders")
        .idempotency_key("x")
        .json(&body)
        .send()
        .await;
    anonymous.problem(401, "common.unauthenticated");
    let (head, _) = ada.token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(86));
    let answer = ada
        .client
        .post("/order/v1/orders")
        .bearer(&forged)
        .idempotency_key("x")
        .json(&body)
        .send()
        .await;
    answer.problem(401, "common.token_invalid");
    let stock = json!({"delta": 100});
    ada.post(&format!("/order/v1/products/{product}/stock"))
        .json(&stock)
        .send()
        .await
        .problem(403, "common.permission_denied");
}

async fn queries(ada: &Person) {
    ada.get("/order/v1/orders?cursor=forged")
        .send()
        .await
        .problem(400, "common.invalid_cursor");
    let limit = ada.get("/order/v1/orders?limit=1000").send().await;
    assert_eq!(limit.status, 400, "{}", limit.text());
    ada.get("/order/v1/orders/ord_nothing")
        .send()
        .await
        .problem(404, "order.order_not_found");
    ada.client
        .get("/order/v1/nothing")
        .send()
        .await
        .problem(404, "common.route_not_found");
    let method = ada
        .client
        .request(http::Method::DELETE, "/order/v1/orders")
        .send()
        .await;
    assert!(method.header("allow").is_some());
    method.problem(405, "common.method_not_allowed");
}

/// Each operation that needs a token says so, and lists what it may answer.
async fn codes_are_documented(ada: &Person) {
    let document: Value = ada.client.get("/docs/openapi.json").send().await.ok(200);
    let place = &document["paths"]["/order/v1/orders"]["post"];
    for status in [
        "400", "401", "402", "403", "409", "413", "415", "422", "429", "500", "503", "504",
    ] {
        assert!(
            place["responses"][status].is_object(),
            "{status} of placing an order"
        );
    }
    for service in [
        "/auth/v1/login",
        "/billing/v1/invoices",
        "/notification/v1/inbox",
    ] {
        assert!(document["paths"][service].is_object(), "{service}");
    }
}
