use serde_json::{Value, json};
use shoal_testkit::{HttpSink, eventually};

use super::support::{ADA, BOUND, GRACE, Ground, World, confirmed, v1};

async fn change(world: &World, body: &Value) -> shoal_testkit::TestResponse {
    let patch = world
        .service
        .patch(&v1("/preferences"))
        .bearer(&world.user(ADA));
    patch.json(body).send().await
}

fn off(channel: &str, category: &str) -> Value {
    json!({"choices": [{"channel": channel, "category": category, "enabled": false}]})
}

#[tokio::test]
async fn what_a_user_switched_off_is_not_sent_and_others_are_not_affected() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let table: Value = change(&world, &off("email", "news")).await.ok(200);
        let switched_off: Vec<_> = table["choices"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["enabled"] == false)
            .collect();
        assert_eq!(switched_off.len(), 1);

        let ada = world.send_offer(ADA, "k1").await;
        assert_eq!(ada["deliveries"].as_array().unwrap().len(), 1);
        assert_eq!(ada["deliveries"][0]["channel"], "inbox");
        let grace = world.send_offer(GRACE, "k2").await;
        assert_eq!(grace["deliveries"].as_array().unwrap().len(), 2);
        world.smtp.wait_for(1, BOUND).await;
        world.wait_for_inbox(ADA, 1).await;
        assert_eq!(world.smtp.mails().len(), 1);
        world.stop().await;
    }
}

#[tokio::test]
async fn transactional_mail_and_security_notices_cannot_be_switched_off() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        for (channel, category) in [
            ("email", "order"),
            ("email", "billing"),
            ("email", "account"),
            ("email", "security"),
            ("inbox", "security"),
        ] {
            let answer = change(&world, &off(channel, category)).await;
            answer.problem(409, "notification.preference_mandatory");
        }
        // All or none: the good half of a refused change is not kept.
        let mixed = json!({"choices": [
            {"channel": "inbox", "category": "order", "enabled": false},
            {"channel": "email", "category": "order", "enabled": false}]});
        change(&world, &mixed)
            .await
            .problem(409, "notification.preference_mandatory");
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.wait_for_inbox(ADA, 1).await;
        world.smtp.wait_for(1, BOUND).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn webhooks_and_the_inbox_can_be_switched_off_per_category() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let sink = HttpSink::start().await;
        let hook = json!({"url": sink.url("/")});
        let post = world
            .service
            .post(&v1("/webhooks"))
            .bearer(&world.user(ADA));
        let _ = post.json(&hook).send().await.expect(201);
        let body = json!({"choices": [
            {"channel": "inbox", "category": "order", "enabled": false},
            {"channel": "webhook", "category": "order", "enabled": false}]});
        let _ = change(&world, &body).await.expect(200);
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.smtp.wait_for(1, BOUND).await;
        assert!(world.inbox(ADA).await.is_empty());
        let deliveries = world.get(&world.user(ADA), "/webhook-deliveries").await;
        assert_eq!(deliveries["items"], json!([]));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_user_is_told_in_their_language_or_the_nearest() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let shown: Value = change(&world, &json!({"locale": "DE-at"})).await.ok(200);
        assert_eq!(shown["locale"], "de-AT");
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        let items = world.wait_for_inbox(ADA, 1).await;
        assert_eq!(items[0]["title"], "Bestellung bestätigt");

        let _ = change(&world, &json!({"locale": "pt"})).await.expect(200);
        world.producer.publish(&confirmed(ADA, "ord_2")).await;
        let in_english = || async { world.inbox(ADA).await[0]["title"] == "Order confirmed" };
        eventually(in_english, BOUND).await;
        change(&world, &json!({"locale": "klingon"}))
            .await
            .problem(400, "common.invalid_field");
        world.stop().await;
    }
}
