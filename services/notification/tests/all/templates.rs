use serde_json::{Value, json};
use shoal_notification::Notification;
use shoal_testkit::{TestResponse, TestService};

use super::support::{ADA, BOUND, Ground, World, confirmed, fast, v1};

const CONFIRMED: &str = "/templates/order_confirmed";

async fn post(world: &World, path: &str, body: &Value) -> TestResponse {
    world
        .service
        .post(&v1(path))
        .bearer(&world.admin())
        .json(body)
        .send()
        .await
}

fn inbox_version(subject: &str, text: &str) -> Value {
    json!({"channel": "inbox", "locale": "en", "source": {"subject": subject, "text": text}})
}

#[tokio::test]
async fn a_version_is_used_once_it_is_published_and_an_older_one_can_come_back() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let written: Value = post(
            &world,
            &format!("{CONFIRMED}/versions"),
            &inbox_version("Hooray {{ order_id }}", "Done."),
        )
        .await
        .ok(201);
        assert_eq!(
            (written["version"].as_i64(), written["published"].as_bool()),
            (Some(2), Some(false))
        );
        assert_eq!(written["origin"], "usr_admin");
        world.producer.publish(&confirmed(ADA, "ord_1")).await;
        assert_eq!(
            world.wait_for_inbox(ADA, 1).await[0]["title"],
            "Order confirmed"
        );

        let publish = |version| format!("{CONFIRMED}/inbox/en/versions/{version}/publish");
        let shown: Value = post(&world, &publish(2), &json!({})).await.ok(200);
        assert_eq!(shown["published"], true);
        world.producer.publish(&confirmed(ADA, "ord_2")).await;
        assert_eq!(
            world.wait_for_inbox(ADA, 2).await[0]["title"],
            "Hooray ord_2"
        );

        let _ = post(&world, &publish(1), &json!({})).await.expect(200);
        world.producer.publish(&confirmed(ADA, "ord_3")).await;
        assert_eq!(
            world.wait_for_inbox(ADA, 3).await[0]["title"],
            "Order confirmed"
        );
        post(&world, &publish(9), &json!({}))
            .await
            .problem(404, "notification.version_not_found");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_restart_keeps_what_an_admin_published() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let _ = post(
            &world,
            &format!("{CONFIRMED}/versions"),
            &inbox_version("Mine", "Done."),
        )
        .await
        .expect(201);
        let path = format!("{CONFIRMED}/inbox/en/versions/2/publish");
        let _ = post(&world, &path, &json!({})).await.expect(200);
        let World {
            service,
            producer,
            ground,
            smtp,
            auth,
        } = world;
        service.stop().await;

        let bus = ground.bus.clone();
        let service = TestService::<Notification>::builder()
            .config(|config| fast(config, smtp.addr()))
            .peer("auth", auth.addr)
            .platform(|platform| platform.bus(bus))
            .start(&ground.db)
            .await;
        let world = World {
            service,
            smtp,
            auth,
            producer,
            ground,
        };
        let shown = world.get(&world.admin(), CONFIRMED).await;
        let versions = shown["versions"].as_array().unwrap();
        let mine: Vec<_> = versions
            .iter()
            .filter(|v| v["channel"] == "inbox" && v["locale"] == "en")
            .map(|v| {
                (
                    v["version"].as_i64().unwrap(),
                    v["published"].as_bool().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            mine,
            [(2, true), (1, false)],
            "seeding again adds and publishes nothing"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn a_template_that_does_not_parse_is_refused_with_its_line() {
    let world = World::on(Ground::embedded()).await;
    let body = inbox_version("ok", "one\ntwo {{ order_id }\nthree");
    let problem = post(&world, &format!("{CONFIRMED}/versions"), &body)
        .await
        .problem(422, "notification.template_invalid");
    assert_eq!(problem.errors[0].field, "/text");
    assert!(problem.detail.contains("line 2"), "{}", problem.detail);
    world.stop().await;
}

#[tokio::test]
async fn a_version_that_needs_what_the_sample_lacks_cannot_be_published() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        let body = inbox_version("ok", "{{ nickname }}");
        let _ = post(&world, &format!("{CONFIRMED}/versions"), &body)
            .await
            .expect(201);
        let path = format!("{CONFIRMED}/inbox/en/versions/2");
        let publish = post(&world, &format!("{path}/publish"), &json!({})).await;
        let problem = publish.problem(422, "notification.template_render");
        assert!(problem.detail.contains("nickname"), "{}", problem.detail);
        assert_eq!(problem.errors[0].field, "/data/nickname");

        let with = json!({"data": {"nickname": "Ada"}});
        let shown: Value = post(&world, &format!("{path}/preview"), &with)
            .await
            .ok(200);
        assert_eq!(shown["text"], "Ada");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_text_that_fails_for_some_data_is_dead_until_it_is_mended_and_redriven() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let body = json!({"user_id": ADA, "template": "offer", "data": {}});
        let send = world
            .service
            .post(&v1("/notifications"))
            .bearer(&world.admin());
        let sent: Value = send.idempotency_key("k").json(&body).send().await.ok(202);
        let inbox = &sent["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["channel"] == "inbox")
            .unwrap()
            .clone();
        assert_eq!(
            (inbox["state"].as_str(), inbox["reason"].as_str()),
            (Some("dead"), Some("template"))
        );
        assert!(inbox["last_error"].as_str().unwrap().contains("name"));

        let mended = json!({"channel": "inbox", "locale": "en",
            "source": {"subject": "Offer", "text": "Dear {{ name | default('you') }}"}});
        let _ = post(&world, "/templates/offer/versions", &mended)
            .await
            .expect(201);
        let _ = post(
            &world,
            "/templates/offer/inbox/en/versions/2/publish",
            &json!({}),
        )
        .await
        .expect(200);
        let id = inbox["id"].as_str().unwrap();
        let _ = post(&world, &format!("/deliveries/{id}/redrive"), &json!({}))
            .await
            .expect(202);
        let items = world.wait_for_inbox(ADA, 1).await;
        assert_eq!(items[0]["body"], "Dear you");
        world.stop().await;
    }
}

#[tokio::test]
async fn html_in_a_mail_escapes_what_it_prints() {
    let world = World::on(Ground::embedded()).await;
    let body = json!({"source": {"subject": "{{ x }}", "text": "{{ x }}", "html": "<p>{{ x }}</p>"},
        "data": {"x": "<script>"}});
    let shown: Value = post(&world, "/templates/preview", &body).await.ok(200);
    assert_eq!(shown["html"], "<p>&lt;script&gt;</p>");
    assert_eq!(shown["text"], "<script>");
    world.stop().await;
}

#[tokio::test]
async fn built_in_templates_keep_their_head_and_names_have_a_form() {
    let world = World::on(Ground::embedded()).await;
    let head = json!({"category": "news", "sample": {}});
    let put = |name: &str| {
        world
            .service
            .put(&v1(&format!("/templates/{name}")))
            .bearer(&world.admin())
    };
    put("order_confirmed")
        .json(&head)
        .send()
        .await
        .problem(409, "notification.template_reserved");
    put("Nope")
        .json(&head)
        .send()
        .await
        .problem(400, "common.invalid_path");
    let bad = json!({"category": "news", "sample": []});
    put("fine")
        .json(&bad)
        .send()
        .await
        .problem(400, "common.invalid_field");
    let webhook =
        json!({"channel": "webhook", "locale": "en", "source": {"subject": "", "text": ""}});
    post(&world, &format!("{CONFIRMED}/versions"), &webhook)
        .await
        .problem(400, "common.invalid_field");
    world.smtp.wait_for(0, BOUND).await;
    world.stop().await;
}
