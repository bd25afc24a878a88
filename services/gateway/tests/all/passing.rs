//! What goes through, and what becomes of services that fail.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_gateway::Gateway;
use shoal_testkit::{Answer, HttpSink, TestService};

use super::in_front_of;

#[tokio::test]
async fn a_request_arrives_whole_and_so_does_its_answer() {
    let sink = HttpSink::start().await;
    sink.script([Answer::status(201)
        .header("location", "/order/v1/orders/ord_1")
        .header("content-type", "application/json")
        .body(r#"{"id":"ord_1"}"#)]);
    let gateway = in_front_of(&sink).await;
    let answer = gateway
        .post("/order/v1/orders?dry=1&x=%20y")
        .idempotency_key("k1")
        .header("x-request-id", "from-the-client")
        .json(&json!({"items": []}))
        .send()
        .await;
    assert_eq!(answer.header("location"), Some("/order/v1/orders/ord_1"));
    assert_eq!(answer.header("x-request-id"), Some("from-the-client"));
    assert_eq!(answer.ok::<Value>(201)["id"], "ord_1");

    let received = &sink.received()[0];
    assert_eq!(
        received.uri.path_and_query().unwrap(),
        "/order/v1/orders?dry=1&x=%20y"
    );
    assert_eq!(received.header("idempotency-key"), Some("k1"));
    assert_eq!(received.header("x-request-id"), Some("from-the-client"));
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    assert!(received.header("traceparent").is_some());
    let left: u64 = received
        .header("x-shoal-timeout-ms")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..10_000).contains(&left), "{left}");
    assert_eq!(received.json::<Value>(), json!({"items": []}));
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_cannot_speak_for_the_platform() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    gateway
        .get("/order/v1/products")
        .header("x-shoal-user", "usr_root")
        .header("x-shoal-mesh", "a guess")
        .header("x-gray-version", "canary")
        .header("x-forwarded-for", "10.9.8.7")
        .send()
        .await;
    let received = &sink.received()[0];
    assert_eq!(received.header("x-shoal-user"), None);
    assert_eq!(received.header("x-gray-version"), None);
    assert_ne!(received.header("x-shoal-mesh"), Some("a guess"));
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_path_of_no_service_is_a_documented_404() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    for path in ["/nothing/here", "/orders", "/order2/v1", "/"] {
        gateway
            .get(path)
            .send()
            .await
            .problem(404, "common.route_not_found");
    }
    assert!(sink.received().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_is_away_is_503_and_comes_back_unaided() {
    let sink = HttpSink::start().await;
    let resolver = StaticResolver::new();
    let shared = std::sync::Arc::new(resolver);
    let handed: std::sync::Arc<dyn Resolver> = shared.clone();
    let gateway = TestService::<Gateway>::builder()
        .platform(|platform| platform.resolver(handed))
        .start_without_database()
        .await;
    gateway
        .get("/order/v1/products")
        .send()
        .await
        .problem(503, "common.unavailable");

    // Nobody listens there: the port was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    shared.set("order", [Instance::at(closed.to_string())]);
    let away = gateway.get("/order/v1/products").send().await;
    assert_eq!(away.header("retry-after"), Some("1"));
    away.problem(503, "common.unavailable");

    // One dead and one living instance: a read never fails, wherever it begins.
    shared.set(
        "order",
        [closed.to_string(), sink.addr().to_string()].map(Instance::at),
    );
    for _ in 0..4 {
        let _ = gateway.get("/order/v1/products").send().await.expect(200);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_slow_service_is_504_when_the_clients_time_is_up() {
    let sink = HttpSink::start().await;
    sink.otherwise(Answer::status(200).after(Duration::from_secs(30)));
    let gateway = in_front_of(&sink).await;
    let problem = gateway
        .get("/order/v1/products")
        .header("x-shoal-timeout-ms", "200")
        .send()
        .await
        .problem(504, "common.deadline_exceeded");
    assert!(problem.trace_id.is_some());
    gateway.stop().await;
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_call_and_others_may_not() {
    let sink = HttpSink::start().await;
    let gateway = super::toward(&sink)
        .config(|config| config.cors.allowed_origins = vec!["https://shop.example".to_owned()])
        .start_without_database()
        .await;
    let preflight = |origin: &'static str| {
        gateway
            .request(http::Method::OPTIONS, "/order/v1/orders")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,idempotency-key",
            )
            .send()
    };
    let allowed = preflight("https://shop.example").await.expect(200);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
    let refused = preflight("https://evil.example").await;
    assert_eq!(refused.header("access-control-allow-origin"), None);
    assert!(sink.received().is_empty(), "a preflight ends at the door");
    gateway.stop().await;
}
