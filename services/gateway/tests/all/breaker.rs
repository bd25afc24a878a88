//! A service that is away, and what administrators see and do about it.

use serde_json::{Value, json};
use shoal_gateway::Gateway;
use shoal_testkit::TestService;

/// A gateway in front of an order service whose port nobody listens on.
async fn in_front_of_nobody() -> TestService<Gateway> {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    TestService::<Gateway>::builder()
        .peer("order", addr)
        .start_without_database()
        .await
}

async fn ask(gateway: &TestService<Gateway>) -> String {
    let answer = gateway.get("/order/v1/products").send().await;
    assert!(answer.header("retry-after").is_some());
    answer.problem(503, "common.unavailable").detail
}

#[tokio::test]
async fn a_service_that_is_away_is_soon_not_asked_and_administrators_see_why() {
    let gateway = in_front_of_nobody().await;
    for _ in 0..40 {
        let _ = ask(&gateway).await;
    }
    assert!(ask(&gateway).await.contains("held to be down"));
    let admin = gateway.issuer.user("usr_admin", &["admin"]);
    let list: Value = gateway
        .get("/admin/dependencies")
        .bearer(&admin)
        .send()
        .await
        .ok(200);
    let all = list["dependencies"].as_array().unwrap();
    let order = all.iter().find(|one| one["name"] == "order").unwrap();
    assert_eq!(order["breaker"]["state"], "open");
    assert!(order["breaker"]["reason"]["bad_calls"].as_u64() > Some(5));
    let metrics = gateway.get("/metrics").send().await.text();
    let line = r#"shoal_breaker_state{service="gateway",dependency="order"} 2"#;
    assert!(metrics.contains(line), "{metrics}");
    gateway.stop().await;
}

#[tokio::test]
async fn administrators_alone_change_a_breaker_and_only_within_its_bounds() {
    let gateway = in_front_of_nobody().await;
    let _ = ask(&gateway).await;
    let admin = gateway.issuer.user("usr_admin", &["admin"]);
    let customer = gateway.issuer.user("usr_1", &[]);
    let path = "/admin/dependencies/order/breaker";
    let put = |token: &str, body: Value| gateway.put(path).bearer(token).json(&body).send();
    put(&customer, json!({"mode": "forced_open"}))
        .await
        .problem(403, "common.permission_denied");
    gateway
        .get("/admin/dependencies")
        .send()
        .await
        .problem(401, "common.unauthenticated");
    put(&admin, json!({"sensitivity": 0.5}))
        .await
        .problem(400, "common.invalid_field");
    let nobody = gateway
        .get("/admin/dependencies/parcels")
        .bearer(&admin)
        .send();
    nobody.await.problem(404, "common.not_found");

    let forced: Value = put(&admin, json!({"mode": "forced_open"})).await.ok(200);
    assert_eq!(forced["breaker"]["state"], "open");
    assert!(ask(&gateway).await.contains("held to be down"));
    let _ = put(&admin, json!({"mode": "disabled"}))
        .await
        .ok::<Value>(200);
    for _ in 0..40 {
        assert!(ask(&gateway).await.contains("is away"));
    }
    gateway.stop().await;
}
