//! Administration: users, roles, and who may not.

use http::Method;
use serde_json::{Value, json};
use shoal_testkit::{TestDb, TestService};

use super::support::{ADMIN, World, jwt_part, text};

#[tokio::test]
async fn users_are_listed_oldest_first_without_gaps_or_repeats() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let admin = w.admin().await;
        for n in 0..6 {
            w.register(&format!("user{n}@example.com")).await;
        }
        let mut emails = Vec::new();
        let mut query = "?limit=3".to_owned();
        loop {
            let path = format!("/auth/v1/users{query}");
            let page: Value = w
                .service
                .get(&path)
                .bearer(&admin.access_token)
                .send()
                .await
                .ok(200);
            for user in page["items"].as_array().unwrap() {
                emails.push(text(&user["email"]));
            }
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            query = format!("?limit=3&cursor={cursor}");
            // A row that comes in between stands at the end.
            w.register(&format!("late{}@example.com", emails.len()))
                .await;
        }
        let mut expected = vec![ADMIN.to_owned()];
        expected.extend((0..6).map(|n| format!("user{n}@example.com")));
        assert_eq!(emails[..7], expected);
        assert_eq!(emails.len(), 9);
        w.stop().await;
    }
}

#[tokio::test]
async fn a_granted_role_is_in_the_next_token_and_goes_when_taken() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let admin = w.admin().await;
        let ada = w.newcomer("ada@example.com").await;
        let id = text(&ada.user["id"]);
        let role = format!("/auth/v1/users/{id}/roles/order_clerk");
        let granted: Value = w
            .service
            .put(&role)
            .bearer(&admin.access_token)
            .send()
            .await
            .ok(200);
        assert_eq!(granted["roles"], json!(["order_clerk"]));
        w.service
            .put(&role)
            .bearer(&admin.access_token)
            .send()
            .await
            .expect(200);
        let next = w.refresh(&ada.refresh_token).await;
        assert_eq!(
            jwt_part(&next.access_token, 1)["roles"],
            json!(["order_clerk"])
        );

        let taken: Value = w
            .service
            .delete(&role)
            .bearer(&admin.access_token)
            .send()
            .await
            .ok(200);
        assert_eq!(taken["roles"], json!([]));
        w.service
            .delete(&role)
            .bearer(&admin.access_token)
            .send()
            .await
            .expect(200);
        let events = w.events("auth.roles_changed.v1").await;
        let of_ada: Vec<_> = events
            .iter()
            .filter(|e| e["user_id"] == json!(id))
            .collect();
        assert_eq!(
            of_ada.len(),
            2,
            "repetitions change nothing and tell nothing"
        );
        assert_eq!(of_ada[0]["changed_by"], admin.user["id"]);
        w.stop().await;
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let admin = w.admin().await;
        let root = text(&admin.user["id"]);
        let ada = text(&w.register("ada@example.com").await["id"]);
        let bearer = &admin.access_token;
        let role = |id: &str| format!("/auth/v1/users/{id}/roles/admin");
        let refused = w.service.delete(&role(&root)).bearer(bearer).send().await;
        refused.problem(409, "auth.last_admin");
        let suspend = w
            .service
            .put(&format!("/auth/v1/users/{root}/status"))
            .bearer(bearer);
        let refused = suspend.json(&json!({ "status": "suspended" })).send().await;
        refused.problem(409, "auth.last_admin");
        w.me(bearer).send().await.expect(200);

        w.service
            .put(&role(&ada))
            .bearer(bearer)
            .send()
            .await
            .expect(200);
        // Two administrators take the role from each other at once.
        let other = w.log_in("ada@example.com").await;
        let (a, b) = tokio::join!(
            w.service.delete(&role(&ada)).bearer(bearer).send(),
            w.service
                .delete(&role(&root))
                .bearer(&other.access_token)
                .send(),
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{db}");
        w.stop().await;
    }
}

#[tokio::test]
async fn a_suspended_administrator_is_out_at_once() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let root = w.admin().await;
        let id = text(&w.register("ada@example.com").await["id"]);
        let role = format!("/auth/v1/users/{id}/roles/admin");
        w.service
            .put(&role)
            .bearer(&root.access_token)
            .send()
            .await
            .expect(200);
        let ada = w.log_in("ada@example.com").await;
        w.service
            .get("/auth/v1/users")
            .bearer(&ada.access_token)
            .send()
            .await
            .expect(200);
        let status = w.service.put(&format!("/auth/v1/users/{id}/status"));
        let suspended = json!({ "status": "suspended" });
        status
            .bearer(&root.access_token)
            .json(&suspended)
            .send()
            .await
            .expect(200);
        let out = w
            .service
            .get("/auth/v1/users")
            .bearer(&ada.access_token)
            .send()
            .await;
        out.problem(401, "auth.session_ended");
        w.stop().await;
    }
}

/// What only administrators may do, with a body that is otherwise right.
fn closed() -> Vec<(Method, &'static str, Option<Value>)> {
    vec![
        (Method::GET, "/auth/v1/users", None),
        (Method::GET, "/auth/v1/users/usr_x", None),
        (
            Method::PUT,
            "/auth/v1/users/usr_x/status",
            Some(json!({ "status": "active" })),
        ),
        (Method::PUT, "/auth/v1/users/usr_x/roles/admin", None),
        (Method::DELETE, "/auth/v1/users/usr_x/roles/admin", None),
        (Method::GET, "/auth/v1/service-accounts", None),
        (
            Method::POST,
            "/auth/v1/service-accounts",
            Some(json!({ "name": "abc" })),
        ),
        (Method::POST, "/auth/v1/service-accounts/svc_x/secret", None),
        (Method::DELETE, "/auth/v1/service-accounts/svc_x", None),
    ]
}

#[tokio::test]
async fn everything_for_administrators_is_closed_to_others() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let ada = w.newcomer("ada@example.com").await;
    for (method, path, body) in closed() {
        let ask = |token: Option<&str>| {
            let mut request = w.service.request(method.clone(), path);
            if let Some(token) = token {
                request = request.bearer(token);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            request.send()
        };
        ask(None).await.problem(401, "common.unauthenticated");
        ask(Some(&ada.access_token))
            .await
            .problem(403, "common.permission_denied");
    }
    w.stop().await;
}

/// Every operation that needs a token, as the OpenAPI document says; none may be
/// missing from the tests of refusals.
#[tokio::test]
async fn every_operation_with_security_refuses_a_caller_without_a_token() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let document: Value = w.service.get("/openapi.json").send().await.ok(200);
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let secured = operation["security"]
                .as_array()
                .is_some_and(|s| !s.is_empty());
            // Introspection takes client credentials too; its tests are its own.
            if !secured || path.ends_with("/introspect") {
                continue;
            }
            let concrete = path
                .replace("{user_id}", "usr_x")
                .replace("{role}", "admin");
            let concrete = concrete
                .replace("{client_id}", "svc_x")
                .replace("{session_id}", "ses_x");
            assert!(!concrete.contains('{'), "{path}");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = w.service.request(method, &concrete).send().await;
            answer.problem(401, "common.unauthenticated");
            asked += 1;
        }
    }
    assert!(asked >= 14, "{asked}");
    w.stop().await;
}

#[tokio::test]
async fn users_that_do_not_exist_are_404() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let admin = w.admin().await;
        let bearer = &admin.access_token;
        let s: &TestService<_> = &w.service;
        for request in [
            s.get("/auth/v1/users/usr_none"),
            s.put("/auth/v1/users/usr_none/roles/clerk"),
            s.delete("/auth/v1/users/usr_none/roles/clerk"),
            s.put("/auth/v1/users/usr_none/status")
                .json(&json!({ "status": "suspended" })),
        ] {
            request
                .bearer(bearer)
                .send()
                .await
                .problem(404, "auth.user_not_found");
        }
        w.stop().await;
    }
}

#[tokio::test]
async fn the_administrator_of_the_settings_is_made_once() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let admin = w.admin().await;
        assert_eq!(admin.user["roles"], json!(["admin"]));
        assert_eq!(admin.user["email_verified"], true);
        let clock = w.clock.clone();
        w.stop().await;
        // Another password in the settings does not change that of the account.
        let other = |config: &mut shoal_auth::config::AuthConfig| {
            config.bootstrap.admin_password = Some("another fine password".to_owned().into());
        };
        let w = World::start_at(&db, clock, other).await;
        assert_eq!(w.admin().await.user["id"], admin.user["id"]);
        w.stop().await;
    }
}
