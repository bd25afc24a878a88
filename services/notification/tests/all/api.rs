use serde_json::{Value, json};

use super::support::{ADA, GRACE, Ground, World, confirmed, v1};

#[tokio::test]
async fn items_are_marked_counted_paged_and_deleted() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        for n in 0..5 {
            world
                .producer
                .publish(&confirmed(ADA, &format!("ord_{n}")))
                .await;
        }
        world.wait_for_inbox(ADA, 5).await;
        let token = world.user(ADA);
        let mut seen = Vec::new();
        let mut path = "/inbox?limit=2".to_owned();
        loop {
            let page = world.get(&token, &path).await;
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/inbox?limit=2&cursor={cursor}");
        }
        let ids: Vec<i64> = seen
            .iter()
            .map(|item| item["event_id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids.len(), 5);
        assert!(ids.is_sorted_by(|a, b| a > b));

        let id = seen[0]["id"].as_str().unwrap();
        let one = v1(&format!("/inbox/{id}"));
        let patch = |read: bool| {
            world
                .service
                .patch(&one)
                .bearer(&token)
                .json(&json!({"read": read}))
        };
        let read: Value = patch(true).send().await.ok(200);
        let again: Value = patch(true).send().await.ok(200);
        assert_eq!(read["read_at_ms"], again["read_at_ms"]);
        assert_eq!(world.get(&token, "/inbox/unread-count").await["unread"], 4);
        let unread: Value = patch(false).send().await.ok(200);
        assert!(unread["read_at_ms"].is_null());

        let all = world.service.post(&v1("/inbox/read-all")).bearer(&token);
        let done: Value = all
            .json(&json!({"up_to_event_id": ids[2]}))
            .send()
            .await
            .ok(200);
        assert_eq!(done["marked"], 3);
        let page = world.get(&token, "/inbox?unread_only=true").await;
        assert_eq!(page["items"].as_array().unwrap().len(), 2);

        let _ = world
            .service
            .delete(&one)
            .bearer(&token)
            .send()
            .await
            .expect(204);
        let gone = world.service.delete(&one).bearer(&token).send().await;
        gone.problem(404, "notification.inbox_item_not_found");
        let other = v1(&format!("/inbox/{}", seen[1]["id"].as_str().unwrap()));
        let stranger = world
            .service
            .delete(&other)
            .bearer(&world.user(GRACE))
            .send()
            .await;
        stranger.problem(404, "notification.inbox_item_not_found");
        assert_eq!(world.inbox(ADA).await.len(), 4);
        world.stop().await;
    }
}

#[tokio::test]
async fn the_same_key_sends_once_and_another_body_under_it_is_refused() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let first = world.send_offer(ADA, "k1").await;
        let again = world.send_offer(ADA, "k1").await;
        assert_eq!(
            (&first["id"], &again["replayed"]),
            (&again["id"], &json!(true))
        );
        let other = json!({"user_id": GRACE, "template": "offer", "data": {"name": "Ada"}});
        let post = || {
            world
                .service
                .post(&v1("/notifications"))
                .bearer(&world.admin())
        };
        let reused = post().idempotency_key("k1").json(&other).send().await;
        reused.problem(422, "common.idempotency_key_reused");
        let missing = post().json(&other).send().await;
        missing.problem(400, "common.idempotency_key_missing");
        assert_eq!(world.inbox(ADA).await.len(), 1);
        assert!(world.inbox(GRACE).await.is_empty());
        world.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_sent_leaves_nothing_behind() {
    for ground in Ground::all().await {
        let world = World::on(ground).await;
        world.publish_offer().await;
        let post = |body: Value| {
            let post = world
                .service
                .post(&v1("/notifications"))
                .bearer(&world.admin());
            post.idempotency_key("k").json(&body).send()
        };
        let unknown = post(json!({"user_id": ADA, "template": "nope"})).await;
        unknown.problem(404, "notification.template_not_found");
        let hookless = json!({"user_id": ADA, "template": "offer", "data": {"name": "A"}, "channels": ["webhook"]});
        post(hookless).await.problem(422, "notification.no_channel");
        let nobody = post(json!({"user_id": "someone", "template": "offer"})).await;
        assert_eq!(
            nobody.problem(400, "common.invalid_field").errors[0].field,
            "/user_id"
        );
        let list = post(json!({"user_id": ADA, "template": "offer", "data": []})).await;
        assert_eq!(
            list.problem(400, "common.invalid_field").errors[0].field,
            "/data"
        );
        let extra = post(json!({"user_id": ADA, "template": "offer", "datum": {}})).await;
        extra.problem(400, "common.unknown_field");
        let channel =
            post(json!({"user_id": ADA, "template": "offer", "channels": ["pigeon"]})).await;
        channel.problem(400, "common.invalid_field");
        let large =
            json!({"user_id": ADA, "template": "offer", "data": {"name": "x".repeat(70_000)}});
        post(large).await.problem(400, "common.invalid_field");
        let page = world.get(&world.admin(), "/deliveries").await;
        assert_eq!(page["items"], json!([]));
        world.stop().await;
    }
}

#[tokio::test]
async fn every_route_needs_a_token_and_those_of_admins_the_role() {
    let world = World::on(Ground::embedded()).await;
    let document: Value = world.service.get("/openapi.json").send().await.ok(200);
    let mut admin_only = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/notification/") {
            continue;
        }
        for (method, operation) in methods.as_object().unwrap() {
            let method: http::Method = method.to_uppercase().parse().unwrap();
            let path = path
                .replace("{channel}", "email")
                .replace("{locale}", "en")
                .replace("{version}", "1")
                .replace(['{', '}'], "");
            let call = || {
                world
                    .service
                    .request(method.clone(), &path)
                    .json(&json!({}))
            };
            call().send().await.problem(401, "common.unauthenticated");
            let forged = world.service.issuer.forged(ADA, &["admin"]);
            call()
                .bearer(&forged)
                .send()
                .await
                .problem(401, "common.token_invalid");
            let expired = world.service.issuer.expired(ADA, &["admin"]);
            call()
                .bearer(&expired)
                .send()
                .await
                .problem(401, "common.token_expired");
            let description = format!("{} {}", operation["summary"], operation["description"]);
            if description.contains("role `admin`") {
                admin_only += 1;
                let body = example(&path);
                let call = world.service.request(method.clone(), &path).json(&body);
                let call = call.bearer(&world.user(ADA)).idempotency_key("k");
                call.send().await.problem(403, "common.permission_denied");
            }
        }
    }
    assert!(admin_only >= 14, "{admin_only}");
    world.stop().await;
}

/// A body that gets past parsing, so that the role is what is refused.
fn example(path: &str) -> Value {
    let source = json!({"subject": "s", "text": "t"});
    match path.rsplit('/').next().unwrap() {
        "preview" if path.ends_with("/templates/preview") => json!({"source": source, "data": {}}),
        "versions" => json!({"channel": "inbox", "locale": "en", "source": source}),
        "name" => json!({"category": "news", "sample": {}}),
        _ => json!({}),
    }
}

#[tokio::test]
async fn bad_queries_are_refused_with_their_parameter() {
    let world = World::on(Ground::embedded()).await;
    let token = world.user(ADA);
    let get = |path: &str| world.service.get(&v1(path)).bearer(&token).send();
    get("/inbox?limit=0")
        .await
        .problem(400, "common.invalid_query");
    get("/inbox?limit=1000")
        .await
        .problem(400, "common.invalid_query");
    get("/inbox?cursor=abc")
        .await
        .problem(400, "common.invalid_cursor");
    let of_another_list = world.get(&world.admin(), "/templates?limit=1").await;
    let cursor = of_another_list["next_cursor"].as_str().unwrap();
    get(&format!("/inbox?cursor={cursor}"))
        .await
        .problem(400, "common.invalid_cursor");
    let admin = world.admin();
    let states = world
        .service
        .get(&v1("/deliveries?state=lost"))
        .bearer(&admin)
        .send()
        .await;
    states.problem(400, "common.invalid_query");
    world.stop().await;
}
