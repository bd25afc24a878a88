//! Client credentials, introspection, revocation.

use serde_json::{Value, json};
use shoal_testkit::{TestDb, TestResponse};

use super::support::{START_MS, World, basic, jwt_part, text};

const TOKEN: &str = "/auth/v1/oauth/token";
const INTROSPECT: &str = "/auth/v1/oauth/introspect";
const REVOKE: &str = "/auth/v1/oauth/revoke";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Asserts an OAuth error.
#[track_caller]
fn oauth_error(answer: &TestResponse, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body: Value = answer.json();
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(body["code"], format!("auth.oauth_{error}"));
    assert!(!text(&body["error_description"]).is_empty());
}

#[tokio::test]
async fn a_client_gets_a_token_by_header_or_form() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let (id, secret) = w.service_account("robot", &["clerk", "introspect"]).await;
        let by_header = w
            .form(TOKEN, &[GRANT])
            .header("authorization", &basic(&id, &secret));
        let answer = by_header.send().await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let token: Value = answer.json();
        assert_eq!(
            (&token["token_type"], &token["expires_in"]),
            (&json!("Bearer"), &json!(900))
        );
        assert_eq!(token["scope"], "clerk introspect");
        assert!(token.get("refresh_token").is_none());
        let claims = jwt_part(token["access_token"].as_str().unwrap(), 1);
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&json!(id), &json!(id))
        );
        assert_eq!(claims["roles"], json!(["clerk", "introspect"]));
        assert!(claims.get("sid").is_none());
        assert_eq!(claims["exp"], START_MS / 1000 + 900);

        let fields = [
            GRANT,
            ("client_id", &id),
            ("client_secret", &secret),
            ("scope", "clerk"),
        ];
        let by_form: Value = w.form(TOKEN, &fields).send().await.ok(200);
        assert_eq!(by_form["scope"], "clerk");
        let claims = jwt_part(by_form["access_token"].as_str().unwrap(), 1);
        assert_eq!(claims["roles"], json!(["clerk"]));
        w.stop().await;
    }
}

#[tokio::test]
async fn wrong_clients_and_requests_get_the_errors_of_the_rfc() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let (id, secret) = w.service_account("robot", &["clerk"]).await;
    let good = basic(&id, &secret);
    let send = |fields: Vec<(&'static str, &'static str)>, auth: Option<String>| {
        let mut request = w.form(TOKEN, &fields);
        if let Some(auth) = auth {
            request = request.header("authorization", &auth);
        }
        request.send()
    };
    let other_secret = format!("scs_{}", "A".repeat(43));
    for auth in [
        None,
        Some(basic(&id, "wrong")),
        Some(basic(&id, &other_secret)),
        Some(basic("svc_none", &secret)),
        Some("Basic !!!".to_owned()),
        Some("Basic bm9jb2xvbg==".to_owned()),
    ] {
        let answer = send(vec![GRANT], auth.clone()).await;
        oauth_error(&answer, 401, "invalid_client");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic "), "{auth:?}");
    }
    let missing = send(vec![], Some(good.clone())).await;
    oauth_error(&missing, 400, "invalid_request");
    let twice = send(vec![GRANT, GRANT], Some(good.clone())).await;
    oauth_error(&twice, 400, "invalid_request");
    let password = send(vec![("grant_type", "password")], Some(good.clone())).await;
    oauth_error(&password, 400, "unsupported_grant_type");
    let scope = send(vec![GRANT, ("scope", "clerk admin")], Some(good.clone())).await;
    oauth_error(&scope, 400, "invalid_scope");
    let both = send(
        vec![GRANT, ("client_id", "x"), ("client_secret", "y")],
        Some(good.clone()),
    )
    .await;
    oauth_error(&both, 400, "invalid_request");
    let json = w
        .service
        .post(TOKEN)
        .header("authorization", &good)
        .json(&json!({}))
        .send()
        .await;
    json.problem(415, "common.unsupported_media_type");
    let large = "x".repeat(64 * 1024);
    let large = w.form(TOKEN, &[("grant_type", &large)]).send().await;
    oauth_error(&large, 400, "invalid_request");
    w.stop().await;
}

#[tokio::test]
async fn introspection_tells_those_who_may_ask_what_a_token_is() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let tokens = w.newcomer("ada@example.com").await;
        let checker = w.service_account("checker", &["introspect"]).await;
        let access = w.introspect(&checker, &tokens.access_token).await;
        let claims = jwt_part(&tokens.access_token, 1);
        assert_eq!(access["active"], true);
        for name in ["sub", "sid", "jti", "iss", "aud", "exp", "iat"] {
            assert_eq!(access[name], claims[name], "{name}");
        }
        assert_eq!(
            (&access["token_type"], &access["scope"]),
            (&json!("Bearer"), &json!(""))
        );
        let refresh = w.introspect(&checker, &tokens.refresh_token).await;
        assert_eq!(refresh["token_type"], "refresh_token");
        assert_eq!(refresh["exp"], START_MS / 1000 + 30 * 24 * 3600);

        // By an access token instead of the client's secret.
        let own: Value = w
            .form(TOKEN, &[GRANT])
            .header("authorization", &basic(&checker.0, &checker.1))
            .send()
            .await
            .ok(200);
        let by_token = w.form(INTROSPECT, &[("token", &tokens.access_token)]);
        let by_token = by_token
            .bearer(own["access_token"].as_str().unwrap())
            .send()
            .await;
        assert_eq!(by_token.ok::<Value>(200), access);

        // A replaced refresh token is not active; asking about it is no reuse.
        let next = w.refresh(&tokens.refresh_token).await;
        assert_eq!(
            w.introspect(&checker, &tokens.refresh_token).await,
            json!({ "active": false })
        );
        w.me(&next.access_token).send().await.expect(200);
        w.advance(901);
        assert_eq!(
            w.introspect(&checker, &tokens.access_token).await,
            json!({ "active": false })
        );
        w.stop().await;
    }
}

#[tokio::test]
async fn introspection_is_closed_to_everyone_else() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let tokens = w.newcomer("ada@example.com").await;
    let ask = || w.form(INTROSPECT, &[("token", &tokens.access_token)]);
    oauth_error(&ask().send().await, 401, "invalid_client");
    let (id, secret) = w.service_account("robot", &["clerk"]).await;
    let robot = ask()
        .header("authorization", &basic(&id, &secret))
        .send()
        .await;
    robot.problem(403, "common.permission_denied");
    let user = ask().bearer(&tokens.access_token).send().await;
    user.problem(403, "common.permission_denied");
    let bad = ask().bearer("nonsense").send().await;
    assert_eq!(bad.status, 401);
    let checker = w.service_account("checker", &["introspect"]).await;
    let nothing = w
        .form(INTROSPECT, &[])
        .header("authorization", &basic(&checker.0, &checker.1));
    oauth_error(&nothing.send().await, 400, "invalid_request");
    w.stop().await;
}

#[tokio::test]
async fn revoking_a_users_token_ends_its_session() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        for kind in ["access", "refresh"] {
            let tokens = w.log_in("ada@example.com").await;
            let token = if kind == "access" {
                &tokens.access_token
            } else {
                &tokens.refresh_token
            };
            let revoke = || w.form(REVOKE, &[("token", token)]).send();
            revoke().await.expect(200);
            revoke().await.expect(200);
            w.me(&tokens.access_token)
                .send()
                .await
                .problem(401, "auth.session_ended");
            let refused = w.try_refresh(&tokens.refresh_token).send().await;
            refused.problem(401, "auth.refresh_token_invalid");
        }
        let events = w.events("auth.sessions_revoked.v1").await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[0]["reason"], "token_revoked");
        w.form(REVOKE, &[("token", "unknown")])
            .send()
            .await
            .expect(200);
        oauth_error(&w.form(REVOKE, &[]).send().await, 400, "invalid_request");
        w.stop().await;
    }
}

#[tokio::test]
async fn a_service_token_is_revoked_by_its_own_client_only() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let robot = w.service_account("robot", &["clerk"]).await;
        let other = w.service_account("other", &["introspect"]).await;
        let issued: Value = w
            .form(TOKEN, &[GRANT])
            .header("authorization", &basic(&robot.0, &robot.1))
            .send()
            .await
            .ok(200);
        let token = issued["access_token"].as_str().unwrap();
        let revoke = || w.form(REVOKE, &[("token", token)]);
        oauth_error(&revoke().send().await, 401, "invalid_client");
        let foreign = revoke()
            .header("authorization", &basic(&other.0, &other.1))
            .send()
            .await;
        oauth_error(&foreign, 401, "invalid_client");
        assert_eq!(w.introspect(&other, token).await["active"], true);
        revoke()
            .header("authorization", &basic(&robot.0, &robot.1))
            .send()
            .await
            .expect(200);
        assert_eq!(
            w.introspect(&other, token).await,
            json!({ "active": false })
        );
        w.stop().await;
    }
}
