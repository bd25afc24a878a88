//! Nobody takes more than their share.

use shoal_testkit::HttpSink;

use super::toward;

#[tokio::test]
async fn an_empty_bucket_is_429_for_its_owner_alone() {
    let sink = HttpSink::start().await;
    let gateway = toward(&sink)
        .config(|config| {
            config.rate_limit.per_user = 1;
            config.rate_limit.per_address = 1;
            config.rate_limit.burst_s = 3;
        })
        .start_without_database()
        .await;
    let greedy = gateway.issuer.user("usr_greedy", &[]);
    let modest = gateway.issuer.user("usr_modest", &[]);
    let mut refused = None;
    for _ in 0..5 {
        let answer = gateway.get("/order/v1/orders").bearer(&greedy).send().await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("five at once are more than a burst of three");
    assert!(refused.header("retry-after").is_some());
    refused.problem(429, "common.too_many_requests");
    let _ = gateway
        .get("/order/v1/orders")
        .bearer(&modest)
        .send()
        .await
        .expect(200);
    let _ = gateway.get("/order/v1/products").send().await.expect(200);
    // What watches the gateway has no bucket.
    for _ in 0..10 {
        let _ = gateway.get("/healthz").send().await.expect(200);
    }
    gateway.stop().await;
}
