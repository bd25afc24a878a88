use serde_json::Value;
use shoal_bus::EventEnvelope;
use shoal_testkit::eventually;

use super::support::{ADA, ADA_MAIL, BOUND, Ground, Producer, World, confirmed, registered, v1};

#[tokio::test]
async fn an_event_reaches_inbox_and_mailbox() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;

        let items = world.wait_for_inbox(ADA, 1).await;
        assert_eq!(items[0]["title"], "Order confirmed");
        assert_eq!(items[0]["category"], "order");
        assert_eq!(items[0]["link"], "/order/v1/orders/ord_1");
        assert!(items[0]["body"].as_str().unwrap().contains("5.00 EUR"));

        let mails = world.smtp.wait_for(1, BOUND).await;
        assert_eq!(mails[0].to, [ADA_MAIL]);
        assert_eq!(
            mails[0].header("Subject").unwrap(),
            "Your order ord_1 is confirmed"
        );
        assert!(mails[0].data.contains("Herring") && mails[0].data.contains("text/html"));

        let delivery = world.wait_for_delivery("email", "delivered").await;
        let id = delivery["id"].as_str().unwrap();
        assert!(mails[0].header("Message-ID").unwrap().contains(id));
        assert_eq!(delivery["template_version"], 1);
        assert_eq!(world.auth.calls(), 1);

        // The address is known now; auth is not asked again.
        world.producer.publish(&confirmed(ADA, "ord_2")).await;
        world.smtp.wait_for(2, BOUND).await;
        assert_eq!(world.auth.calls(), 1);
        world.stop().await;
    }
}

#[tokio::test]
async fn an_event_that_is_delivered_again_is_told_once() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let first = world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.wait_for_inbox(ADA, 1).await;
        // The same envelope through another outbox, as after a lost answer.
        let other = Producer::start("other", &world.ground).await;
        other.publish_envelope(&first).await;
        // Events of one subject keep their order: when the next is there, the
        // repeat was dealt with.
        other.publish(&confirmed(ADA, "ord_1")).await;
        let items = world.wait_for_inbox(ADA, 2).await;
        assert_eq!(items.len(), 2);
        world.smtp.wait_for(2, BOUND).await;
        let settled = || async {
            let page = world.get(&world.admin(), "/deliveries?limit=100").await;
            let all = page["items"].as_array().unwrap().clone();
            all.len() == 4 && all.iter().all(|d| d["state"] == "delivered")
        };
        eventually(settled, BOUND).await;
        assert_eq!(world.smtp.mails().len(), 2);
        other.stop().await;
        world.stop().await;
    }
}

#[tokio::test]
async fn a_registration_brings_the_address_and_its_token_reaches_only_the_mail() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let user = "usr_new";
        world
            .producer
            .publish(&registered(user, "new@example.com", "t0ken"))
            .await;
        let mails = world.smtp.wait_for(1, BOUND).await;
        assert_eq!(mails[0].to, ["new@example.com"]);
        assert!(mails[0].data.contains("t0ken"));
        assert_eq!(world.auth.calls(), 0, "the event carried the address");

        let items = world.wait_for_inbox(user, 1).await;
        let delivery = world.wait_for_delivery("email", "delivered").await;
        for shown in [Value::from(items), delivery] {
            let text = shown.to_string();
            assert!(
                !text.contains("t0ken") && !text.contains("new@example.com"),
                "{text}"
            );
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_parked_without_showing_its_data() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let mut broken = EventEnvelope::of(&confirmed(ADA, "ord_1"), 1).unwrap();
        broken.data = serde_json::json!({"email": "secret@example.com", "total_minor": "many"});
        world.producer.publish_envelope(&broken).await;

        let admin = world.admin();
        let parked = || async {
            let page = world.get(&admin, "/dead-letters/events").await;
            page["items"].as_array().unwrap().first().cloned()
        };
        let letter = eventually(parked, BOUND).await;
        assert_eq!(letter["event_id"], broken.id.as_str());
        assert_eq!(letter["kind"], "order.confirmed.v1");
        assert!(!letter.to_string().contains("secret@example.com"));

        let id = letter["id"].as_str().unwrap();
        let path = v1(&format!("/dead-letters/events/{id}/redrive"));
        let _ = world
            .service
            .post(&path)
            .bearer(&admin)
            .send()
            .await
            .expect(202);
        let parked_again = || async {
            let letter = parked().await?;
            (letter["attempts"].as_i64() > Some(1) && letter["state"] == "parked").then_some(())
        };
        eventually(parked_again, BOUND).await;

        let path = v1(&format!("/dead-letters/events/{id}"));
        let _ = world
            .service
            .delete(&path)
            .bearer(&admin)
            .send()
            .await
            .expect(204);
        assert!(parked().await.is_none());
        assert!(world.inbox(ADA).await.is_empty());
        world.stop().await;
    }
}
