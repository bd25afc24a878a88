use std::path::Path;

use serde_json::Value;
use shoal_testkit::{FaultProxy, eventually};

use super::support::{ADA, ADA_MAIL, BOUND, Ground, World, confirmed, v1};

fn mails_in(folder: &Path) -> Vec<String> {
    let new = std::fs::read_dir(folder.join("new")).unwrap();
    new.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect()
}

#[tokio::test]
async fn without_a_mail_server_mail_lies_in_the_folder() {
    for ground in Ground::all().await {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let world = World::with(ground, |config| {
            config.mail.smtp.host.clear();
            config.mail.folder = path;
        })
        .await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.wait_for_delivery("email", "delivered").await;
        let mails = mails_in(folder.path());
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains(&format!("To: {ADA_MAIL}")));
        assert!(world.smtp.mails().is_empty());
        world.stop().await;
    }
}

#[tokio::test]
async fn a_mail_server_that_is_down_is_retried_until_dead_and_a_redrive_sends_the_mail_once() {
    for ground in Ground::all().await {
        let smtp = shoal_testkit::SmtpSink::start().await;
        let proxy = FaultProxy::to(smtp.addr()).await;
        proxy.refuse();
        let addr = proxy.addr();
        let world = World::with(ground, |config| config.mail.smtp.port = addr.port()).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;

        let dead = world.wait_for_delivery("email", "dead").await;
        assert_eq!(dead["reason"], "attempts_exhausted");
        assert_eq!(dead["attempts"], 3);
        let id = dead["id"].as_str().unwrap();
        let detail = world
            .get(&world.admin(), &format!("/deliveries/{id}"))
            .await;
        let outcomes: Vec<_> = detail["attempt_log"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["outcome"].clone())
            .collect();
        assert_eq!(outcomes, ["retry", "retry", "dead"]);
        assert!(!detail.to_string().contains(ADA_MAIL));
        assert_eq!(
            world.inbox(ADA).await.len(),
            1,
            "the inbox does not wait for the mail"
        );

        proxy.heal();
        let path = v1(&format!("/deliveries/{id}/redrive"));
        let back: Value = world
            .service
            .post(&path)
            .bearer(&world.admin())
            .send()
            .await
            .ok(202);
        assert_eq!(back["state"], "queued");
        world.wait_for_delivery("email", "delivered").await;
        assert_eq!(smtp.mails().len(), 1);
        let again = world
            .service
            .post(&path)
            .bearer(&world.admin())
            .send()
            .await;
        again.problem(409, "notification.delivery_not_dead");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_refused_mailbox_is_dead_at_once_and_a_busy_server_is_asked_again() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world
            .smtp
            .refuse(["451 4.3.0 later", "550 5.1.1 <ada@example.com> unknown"]);
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        let dead = world.wait_for_delivery("email", "dead").await;
        assert_eq!(dead["attempts"], 2);
        assert_eq!(dead["reason"], "rejected");
        assert_eq!(dead["last_error"], "the mail server answered 550 5.1.1");

        let bulk = world
            .service
            .post(&v1("/deliveries/redrive"))
            .bearer(&world.admin());
        let body = serde_json::json!({"channel": "email", "reason": "rejected"});
        let done: Value = bulk.json(&body).send().await.ok(202);
        assert_eq!(done["redriven"], 1);
        world.wait_for_delivery("email", "delivered").await;
        assert_eq!(world.smtp.mails().len(), 1);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_user_without_an_address_gets_the_inbox_item_and_a_dead_mail() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world
            .producer
            .publish(&confirmed("usr_unknown", "ord_1"))
            .await;
        let dead = world.wait_for_delivery("email", "dead").await;
        assert_eq!(dead["reason"], "no_address");
        assert_eq!(dead["attempts"], 1);
        assert_eq!(world.inbox("usr_unknown").await.len(), 1);
        world.stop().await;
    }
}

#[tokio::test]
async fn mail_that_was_queued_when_the_process_died_is_sent_by_the_next_one() {
    for ground in Ground::all().await {
        let smtp = shoal_testkit::SmtpSink::start().await;
        let proxy = FaultProxy::to(smtp.addr()).await;
        // Accepts connections and says nothing, so that the kill finds a mail
        // in the middle of its attempt.
        proxy.freeze();
        let addr = proxy.addr();
        let world = World::with(ground, |config| config.mail.smtp.port = addr.port()).await;
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        world.wait_for_delivery("email", "sending").await;
        let World {
            service,
            producer,
            ground,
            ..
        } = world;
        service.kill().await;
        producer.stop().await;

        proxy.heal();
        let world = World::with(ground, |config| config.mail.smtp.port = addr.port()).await;
        let sent = || async { smtp.mails().len() == 1 };
        eventually(sent, BOUND).await;
        let delivered = world.wait_for_delivery("email", "delivered").await;
        assert_eq!(delivered["attempts"], 2);
        world.stop().await;
    }
}
