use serde_json::{Value, json};
use shoal_testkit::{Answer, HttpSink, eventually};
use shoal_webhook::{DEFAULT_TOLERANCE, Secret, verify};

use super::support::{ADA, BOUND, GRACE, Ground, World, confirmed, registered, v1};

pub(super) async fn register(world: &World, user: &str, url: &str, types: &[&str]) -> Value {
    let body = json!({"url": url, "event_types": types});
    let post = world
        .service
        .post(&v1("/webhooks"))
        .bearer(&world.user(user));
    post.json(&body).send().await.ok(201)
}

#[tokio::test]
async fn an_event_reaches_the_endpoints_of_its_user_signed() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let sink = HttpSink::start().await;
        let hook = register(&world, ADA, &sink.url("/ada"), &["order.confirmed.v1"]).await;
        register(&world, GRACE, &sink.url("/grace"), &["*"]).await;
        let event = world.producer.publish(&confirmed(ADA, "ord_1")).await;

        let call = &sink.wait_for(1, BOUND).await[0];
        assert_eq!(call.uri.path(), "/ada");
        assert_eq!(call.header("shoal-event-id"), Some(event.id.as_str()));
        let body: Value = call.json();
        assert_eq!(body["type"], "order.confirmed.v1");
        assert_eq!(body["data"]["order_id"], "ord_1");
        let secret = Secret::from_text(hook["secret"].as_str().unwrap());
        let now = shoal_store::id::made_at_ms(&shoal_store::id::new("now")).unwrap() / 1_000;
        let header = call.header("shoal-signature").unwrap();
        verify(
            &[secret],
            header,
            &event.id,
            &call.body,
            now,
            DEFAULT_TOLERANCE,
        )
        .unwrap();

        let id = hook["id"].as_str().unwrap();
        let shown = world
            .get(&world.user(ADA), &format!("/webhooks/{id}"))
            .await;
        assert!(shown.get("secret").is_none(), "the secret is shown once");
        world.stop().await;
    }
}

#[tokio::test]
async fn events_with_addresses_and_tokens_never_go_to_webhooks() {
    let world = World::on(Ground::embedded()).await;
    let sink = HttpSink::start().await;
    register(&world, ADA, &sink.url("/"), &["*"]).await;
    world
        .producer
        .publish(&registered(ADA, "ada@example.com", "t0ken"))
        .await;
    world.producer.publish(&confirmed(ADA, "ord_1")).await;
    let calls = sink.wait_for(1, BOUND).await;
    world.wait_for_inbox(ADA, 2).await;
    assert_eq!(
        calls[0].header("shoal-event-type"),
        Some("order.confirmed.v1")
    );
    assert_eq!(sink.received().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_receiver_that_fails_ends_in_the_dead_letters_and_a_redrive_reaches_it() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let sink = HttpSink::start().await;
        sink.otherwise(Answer::status(500).body("overloaded"));
        register(&world, ADA, &sink.url("/"), &["*"]).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;

        let admin = world.admin();
        let dead = || async {
            let page = world.get(&admin, "/dead-letters/webhooks").await;
            page["items"].as_array().unwrap().first().cloned()
        };
        let letter = eventually(dead, BOUND).await;
        let id = letter["id"].as_str().unwrap();
        assert_eq!(
            (letter["attempts"].as_i64(), letter["last_status"].as_i64()),
            (Some(3), Some(500))
        );
        let detail = world
            .get(&world.user(ADA), &format!("/webhook-deliveries/{id}"))
            .await;
        assert_eq!(detail["attempt_log"].as_array().unwrap().len(), 3);
        assert_eq!(detail["attempt_log"][0]["response_body"], "overloaded");

        sink.otherwise(Answer::status(200));
        let path = v1(&format!("/webhook-deliveries/{id}/redrive"));
        let stranger = world
            .service
            .post(&path)
            .bearer(&world.user(GRACE))
            .send()
            .await;
        stranger.problem(404, "webhook.delivery_not_found");
        let _ = world
            .service
            .post(&path)
            .bearer(&world.user(ADA))
            .send()
            .await
            .expect(202);
        let delivered = || async {
            let shown = world
                .get(&world.user(ADA), &format!("/webhook-deliveries/{id}"))
                .await;
            shown["state"] == "delivered"
        };
        eventually(delivered, BOUND).await;
        assert!(dead().await.is_none());
        world.stop().await;
    }
}

#[tokio::test]
async fn an_owner_is_told_when_an_endpoint_was_switched_off() {
    for ground in Ground::all().await {
        let world = World::with(ground, |config| config.webhook.disable_after_ms = 0).await;
        let sink = HttpSink::start().await;
        sink.otherwise(Answer::status(500));
        let hook = register(&world, ADA, &sink.url("/"), &["*"]).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        let items = world.wait_for_inbox(ADA, 2).await;
        assert_eq!(items[0]["template"], "webhook_endpoint_disabled");
        let id = hook["id"].as_str().unwrap();
        assert!(items[0]["body"].as_str().unwrap().contains(id));
        let shown = world
            .get(&world.user(ADA), &format!("/webhooks/{id}"))
            .await;
        assert_eq!(shown["state"], "auto_disabled");
        world.stop().await;
    }
}

#[tokio::test]
async fn by_default_endpoints_inside_the_house_are_refused() {
    let world = World::with(Ground::embedded(), |config| {
        config.webhook.allow_private_targets = false;
    })
    .await;
    for url in [
        "http://127.0.0.1:8081/",
        "http://localhost/",
        "http://169.254.169.254/",
        "ftp://x/",
    ] {
        let body = json!({"url": url});
        let post = world
            .service
            .post(&v1("/webhooks"))
            .bearer(&world.user(ADA));
        let problem = post
            .json(&body)
            .send()
            .await
            .problem(400, "common.invalid_field");
        assert_eq!(problem.errors[0].field, "/url", "{url}");
    }
    world.stop().await;
}
