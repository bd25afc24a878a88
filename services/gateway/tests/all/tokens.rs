//! Tokens are checked at the door.

use shoal_testkit::HttpSink;

use super::in_front_of;

#[tokio::test]
async fn a_bad_token_never_reaches_a_service() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    let bad = [
        (gateway.issuer.expired("usr_1", &[]), "common.token_expired"),
        (gateway.issuer.forged("usr_1", &[]), "common.token_invalid"),
        ("not-a-token".to_owned(), "common.token_malformed"),
    ];
    for (token, code) in bad {
        let answer = gateway.get("/order/v1/orders").bearer(&token).send().await;
        assert!(answer.header("www-authenticate").is_some());
        answer.problem(401, code);
    }
    assert!(sink.received().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_stale_token_does_not_keep_a_client_from_renewing_it() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    let stale = gateway.issuer.expired("usr_1", &[]);
    let _ = gateway
        .post("/auth/v1/refresh")
        .bearer(&stale)
        .send()
        .await
        .expect(200);
    gateway.stop().await;
}

#[tokio::test]
async fn a_good_token_and_no_token_both_pass() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    let token = gateway.issuer.user("usr_1", &[]);
    let _ = gateway
        .get("/order/v1/orders")
        .bearer(&token)
        .send()
        .await
        .expect(200);
    let _ = gateway.get("/order/v1/products").send().await.expect(200);
    let received = sink.received();
    assert_eq!(
        received[0].header("authorization"),
        Some(&*format!("Bearer {token}"))
    );
    assert_eq!(received[0].header("x-shoal-user"), Some("usr_1"));
    assert_eq!(received[1].header("x-shoal-user"), None);
    gateway.stop().await;
}
