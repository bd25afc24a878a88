//! The gateway's own operations.

use std::sync::Arc;

use serde_json::{Value, json};
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestService};

use super::{in_front_of, toward};

#[tokio::test]
async fn one_document_describes_the_whole_platform() {
    let sink = HttpSink::start().await;
    let document = json!({
        "openapi": "3.1.0",
        "paths": { "/order/v1/orders": { "get": {} } },
        "components": { "schemas": { "Order": { "type": "object" } } },
    });
    sink.otherwise(
        Answer::status(200)
            .header("content-type", "application/json")
            .body(document.to_string()),
    );
    let gateway = in_front_of(&sink).await;
    let merged: Value = gateway.get("/docs/openapi.json").send().await.ok(200);
    assert!(merged["paths"]["/order/v1/orders"].is_object());
    assert!(merged["components"]["schemas"]["Order"].is_object());
    assert_eq!(sink.received().len(), 4, "one document of each service");

    sink.otherwise(Answer::status(500));
    gateway
        .get("/docs/openapi.json")
        .send()
        .await
        .problem(502, "common.bad_upstream");
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_is_away_is_described_as_it_last_was_and_the_answer_says_so() {
    let sink = HttpSink::start().await;
    let document = json!({"paths": { "/order/v1/orders": { "get": {} } }});
    sink.otherwise(Answer::status(200).body(document.to_string()));
    let resolver = StaticResolver::new();
    for service in ["auth", "billing", "order", "notification"] {
        resolver.set(service, [Instance::at(sink.addr().to_string())]);
    }
    let shared: Arc<dyn Resolver> = Arc::new(resolver.clone());
    let gateway = TestService::<Gateway>::builder()
        .platform(|platform| platform.resolver(shared))
        .start_without_database()
        .await;
    let whole = gateway.get("/docs/openapi.json").send().await;
    assert_eq!(whole.header("x-shoal-degraded"), None);

    resolver.set("order", []);
    let answer = gateway.get("/docs/openapi.json").send().await;
    let told = answer.header("x-shoal-degraded").map(str::to_owned);
    let told = told.unwrap();
    assert!(
        told.starts_with("order.ApiDescription;cached;age="),
        "{told}"
    );
    let merged: Value = answer.ok(200);
    assert!(merged["paths"]["/order/v1/orders"].is_object());
    let metrics = gateway.get("/metrics").send().await.text();
    let line = r#"shoal_degraded_total{service="gateway",dependency="order",method="ApiDescription",how="cached"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_learns_what_a_service_answered_without() {
    let sink = HttpSink::start().await;
    sink.otherwise(Answer::status(200).header("x-shoal-degraded", "billing.GetPayment;skipped"));
    let gateway = in_front_of(&sink).await;
    let answer = gateway.get("/order/v1/orders/1").send().await;
    assert_eq!(
        answer.header("x-shoal-degraded"),
        Some("billing.GetPayment;skipped")
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_trace_view_is_closed_unless_switched_on() {
    let sink = HttpSink::start().await;
    let open = toward(&sink)
        .config(|config| config.trace_view = true)
        .start_without_database()
        .await;
    let closed = in_front_of(&sink).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let _ = open
        .get("/order/v1/products")
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .send()
        .await
        .expect(200);
    let path = format!("/debug/traces/{trace}");
    let seen = shoal_testkit::eventually(
        || async {
            let answer = open.get(&path).send().await;
            (answer.status == 200).then(|| answer.text())
        },
        std::time::Duration::from_secs(10),
    )
    .await;
    assert!(seen.contains("gateway"), "{seen}");
    closed
        .get(&path)
        .send()
        .await
        .problem(404, "common.not_found");
    open.get("/debug/traces/00000000000000000000000000000001")
        .send()
        .await
        .problem(404, "common.not_found");
    open.stop().await;
    closed.stop().await;
}

#[tokio::test]
async fn a_route_that_could_never_be_meant_stops_the_start() {
    let sources = shoal_service::Sources::defaults().set(
        "cors.allowed_origins",
        json!(["shop.example"]),
        "the test",
    );
    let fault = shoal_service::Settings::load::<shoal_gateway::Gateway>(&sources).unwrap_err();
    assert!(fault.to_string().contains("not an origin"), "{fault}");
}
