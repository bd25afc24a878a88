//! Every kind of bad input is a documented 4xx that names the fault.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{PASSWORD, World};

#[tokio::test]
async fn a_bad_registration_names_every_faulty_field() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let register = |body: Value| w.service.post("/auth/v1/register").json(&body).send();
    let all = json!({ "email": "no address", "password": "short", "display_name": "a\u{0}b" });
    let problem = register(all).await.problem(400, "common.invalid_field");
    let fields: Vec<&str> = problem.errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["/email", "/password", "/display_name"]);

    let email = "ada@example.com";
    for (password, why) in [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("password", "most common"),
        ("QWERTY123", "most common"),
        ("zzzzzzzzzz", "single character"),
        ("ada@example.com", "e-mail"),
        (&"ab".repeat(65), "at most 128"),
    ] {
        let body = json!({ "email": email, "password": password });
        let problem = register(body).await.problem(400, "common.invalid_field");
        assert_eq!(problem.errors[0].field, "/password", "{password}");
        assert!(
            problem.errors[0].message.contains(why),
            "{password}: {problem:?}"
        );
    }
    for email in [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a b@example.com",
        "ada@localhost",
    ] {
        let body = json!({ "email": email, "password": PASSWORD });
        let problem = register(body).await.problem(400, "common.invalid_field");
        assert_eq!(problem.errors[0].field, "/email", "{email}");
    }
    assert!(w.events("auth.user_registered.v1").await.is_empty());
    w.stop().await;
}

#[tokio::test]
async fn a_problem_never_repeats_the_password() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let body = json!({ "email": "no address", "password": "hunter2hunter2" });
    let answer = w.service.post("/auth/v1/register").json(&body).send().await;
    assert!(!answer.text().contains("hunter2"), "{}", answer.text());
    w.stop().await;
}

#[tokio::test]
async fn bodies_that_are_not_what_the_contract_says_are_refused() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    for path in [
        "/auth/v1/register",
        "/auth/v1/login",
        "/auth/v1/refresh",
        "/auth/v1/verify-email",
    ] {
        let post = || w.service.post(path);
        let json = "application/json";
        post()
            .body(json, "{")
            .send()
            .await
            .problem(400, "common.malformed_body");
        post()
            .body(json, "")
            .send()
            .await
            .problem(400, "common.malformed_body");
        post()
            .body(json, "[]")
            .send()
            .await
            .problem(400, "common.invalid_field");
        post()
            .body(json, "{}")
            .send()
            .await
            .problem(400, "common.invalid_field");
        let plain = post().body("text/plain", "{}").send().await;
        plain.problem(415, "common.unsupported_media_type");
        let large = format!("{{\"email\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
        post()
            .body(json, large)
            .send()
            .await
            .problem(413, "common.payload_too_large");
    }
    let unknown = json!({ "email": "a@b.example", "password": PASSWORD, "role": "admin" });
    let refused = w
        .service
        .post("/auth/v1/register")
        .json(&unknown)
        .send()
        .await;
    let problem = refused.problem(400, "common.unknown_field");
    assert_eq!(problem.errors[0].field, "/role");
    let wrong = json!({ "email": 5, "password": PASSWORD });
    let refused = w
        .service
        .post("/auth/v1/register")
        .json(&wrong)
        .send()
        .await;
    let problem = refused.problem(400, "common.invalid_field");
    assert_eq!(problem.errors[0].field, "/email");
    w.service
        .get("/auth/v1/login")
        .send()
        .await
        .problem(405, "common.method_not_allowed");
    w.service
        .get("/auth/v1/nothing")
        .send()
        .await
        .problem(404, "common.route_not_found");
    w.stop().await;
}

#[tokio::test]
async fn bad_pages_roles_and_states_are_refused() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let admin = w.admin().await;
    let bearer = &admin.access_token;
    for query in ["limit=0", "limit=101", "limit=x"] {
        let path = format!("/auth/v1/users?{query}");
        let refused = w.service.get(&path).bearer(bearer).send().await;
        refused.problem(400, "common.invalid_query");
    }
    for cursor in ["x", "AAAA", "usr_01jd8x4q6zj9t0c8m3a5v7k2ye"] {
        let path = format!("/auth/v1/users?cursor={cursor}");
        let refused = w.service.get(&path).bearer(bearer).send().await;
        refused.problem(400, "common.invalid_cursor");
    }
    for role in ["A", "x", "with%20space", "-lead"] {
        let path = format!("/auth/v1/users/usr_x/roles/{role}");
        let refused = w.service.put(&path).bearer(bearer).send().await;
        refused.problem(400, "common.invalid_field");
    }
    let status = w.service.put("/auth/v1/users/usr_x/status").bearer(bearer);
    let refused = status.json(&json!({ "status": "deleted" })).send().await;
    refused.problem(400, "common.invalid_field");
    w.stop().await;
}

#[tokio::test]
async fn bad_service_accounts_name_the_faulty_fields() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let admin = w.admin().await;
    let body = json!({ "name": "No Name", "roles": ["fine", "NOT FINE"] });
    let post = w
        .service
        .post("/auth/v1/service-accounts")
        .bearer(&admin.access_token);
    let problem = post
        .json(&body)
        .send()
        .await
        .problem(400, "common.invalid_field");
    let fields: Vec<&str> = problem.errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["/name", "/roles/1"]);
    w.stop().await;
}
