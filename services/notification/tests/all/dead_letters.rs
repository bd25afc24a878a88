//! What could not be delivered, through the interface that every service has.

use serde_json::{Value, json};
use shoal_testkit::{Answer, HttpSink, eventually};

use super::support::{ADA, BOUND, Ground, World, confirmed};
use super::webhooks::register;

async fn letters(world: &World, query: &str) -> Vec<Value> {
    let path = format!("/admin/dead-letters?{query}");
    let request = world.service.get(&path).bearer(&world.admin());
    let page: Value = request.send().await.ok(200);
    page["items"].as_array().unwrap().clone()
}

async fn order(world: &World, action: &str, body: &Value) -> shoal_testkit::TestResponse {
    let path = format!("/admin/dead-letters/{action}");
    let request = world.service.post(&path).bearer(&world.admin());
    request.json(body).send().await
}

/// A webhook delivery that its receiver refused to the end.
async fn refused(world: &World, sink: &HttpSink) -> Value {
    sink.otherwise(Answer::status(500));
    register(world, ADA, &sink.url("/"), &["*"]).await;
    world.producer.publish(&confirmed(ADA, "ord_1")).await;
    let first = || async { letters(world, "queue=webhooks").await.pop() };
    eventually(first, BOUND).await
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_its_event_when_an_administrator_redrives_it() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let sink = HttpSink::start().await;
        let letter = refused(&world, &sink).await;
        assert_eq!(letter["kind"], "order.confirmed.v1");
        assert_eq!(letter["reason"], "attempts_exhausted");
        assert_eq!(letter["first_error"], "answered 500 Internal Server Error");
        assert!(letter.get("payload").is_none(), "{letter}");
        let id = letter["id"].as_str().unwrap();
        let path = format!("/admin/dead-letters/webhooks/{id}");
        let shown = world.service.get(&path).bearer(&world.admin()).send();
        let shown: Value = shown.await.ok(200);
        assert!(shown["payload"]["endpoint_id"].is_string(), "{shown}");
        assert!(!shown.to_string().contains("ord_1"), "{shown}");
        assert!(shown["meta"]["trace_id"].is_string(), "{shown}");

        let calls = sink.received().len();
        sink.otherwise(Answer::status(204));
        let body = json!({"queue": "webhooks", "ids": [id], "why": "the receiver is up"});
        let moved: Value = order(&world, "redrive", &body).await.ok(200);
        assert_eq!(moved["letters"], json!([{"queue": "webhooks", "id": id}]));
        sink.wait_for(calls + 1, BOUND).await;
        let none_left = || async { letters(&world, "queue=webhooks").await.is_empty() };
        eventually(none_left, BOUND).await;
        let again: Value = order(&world, "redrive", &body).await.ok(200);
        assert_eq!(again["letters"], json!([]), "it is delivered once more");
        assert_eq!(sink.received().len(), calls + 1);

        let audit = world.service.get("/admin/dead-letters/actions");
        let audit: Value = audit.bearer(&world.admin()).send().await.ok(200);
        assert_eq!(audit["items"].as_array().unwrap().len(), 2);
        assert_eq!(audit["items"][1]["why"], "the receiver is up");
        world.stop().await;
    }
}

#[tokio::test]
async fn the_queues_of_the_service_are_shown_and_measured() {
    let world = World::on(Ground::embedded()).await;
    let sink = HttpSink::start().await;
    refused(&world, &sink).await;
    let report = world.service.get("/admin/queues").bearer(&world.admin());
    let report: Value = report.send().await.ok(200);
    let queue = |name: &str| {
        let all = report["queues"].as_array().unwrap();
        all.iter().find(|queue| queue["queue"] == name).cloned()
    };
    assert_eq!(queue("webhooks").unwrap()["dead"], 1);
    assert!(queue("notifications").is_some() && queue("events").is_some());
    let measured = || async {
        let text = world.service.get("/metrics").send().await.text();
        let is = |line: &&str| {
            line.starts_with("shoal_queue_dead_letters{") && line.contains("queue=\"webhooks\"")
        };
        let line = text.lines().find(is)?.to_owned();
        line.ends_with(" 1").then_some(line)
    };
    eventually(measured, BOUND).await;
    world.stop().await;
}

#[tokio::test]
async fn only_administrators_see_letters_and_no_order_is_vague() {
    let world = World::on(Ground::embedded()).await;
    for path in [
        "/admin/queues",
        "/admin/dead-letters",
        "/admin/dead-letters/actions",
        "/admin/dead-letters/webhooks/whd_1",
    ] {
        let stranger = world.service.get(path).send().await;
        stranger.problem(401, "common.unauthenticated");
        let ada = world
            .service
            .get(path)
            .bearer(&world.user(ADA))
            .send()
            .await;
        ada.problem(403, "common.permission_denied");
    }
    for action in ["redrive", "discard"] {
        let path = format!("/admin/dead-letters/{action}");
        let ada = world.service.post(&path).bearer(&world.user(ADA));
        let ada = ada.json(&json!({})).send().await;
        ada.problem(403, "common.permission_denied");
    }
    for (action, body, field) in [
        ("discard", json!({"why": "old"}), "/queue"),
        ("discard", json!({"queue": "webhooks"}), "/why"),
        ("redrive", json!({"ids": []}), "/ids"),
        ("redrive", json!({"limit": 0}), "/limit"),
    ] {
        let problem = order(&world, action, &body).await;
        let problem = problem.problem(400, "common.invalid_field");
        assert_eq!(problem.errors[0].field, field);
    }
    let body = json!({"queue": "trains"});
    order(&world, "redrive", &body)
        .await
        .problem(404, "common.not_found");
    world.stop().await;
}

#[tokio::test]
async fn the_content_of_a_notification_is_erased_when_its_last_delivery_is_discarded() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let migrations = <shoal_notification::Notification as shoal_service::Module>::migrations();
        let database = world.ground.db.store("notification", migrations.unwrap());
        let database = database.await;
        let kept = async || {
            let mut reader = database.read().await.unwrap();
            let count = "SELECT COUNT(*) FROM notifications WHERE data IS NOT NULL";
            let count = sqlx::query_scalar(count).fetch_one(&mut *reader);
            let count: i64 = count.await.unwrap();
            count
        };
        world.smtp.refuse(["550 5.1.1 unknown"]);
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        let dead = world.wait_for_delivery("email", "dead").await;
        assert_eq!(kept().await, 1, "it may be sent again");

        let body = json!({"queue": "notifications", "ids": [dead["id"]], "why": "moved away"});
        let gone: Value = order(&world, "discard", &body).await.ok(200);
        assert_eq!(gone["letters"][0]["id"], dead["id"]);
        assert_eq!(kept().await, 0);
        database.close().await;
        world.stop().await;
    }
}
