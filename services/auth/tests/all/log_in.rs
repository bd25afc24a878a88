//! Logging in: what the token says, who is refused.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{PASSWORD, START_MS, World, jwt_part, text};

#[tokio::test]
async fn a_token_says_who_for_whom_and_until_when() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let user = w.register("ada@example.com").await;
        let tokens = w.log_in("Ada@example.com ").await;
        assert_eq!(
            (tokens.expires_in, tokens.token_type.as_str()),
            (900, "Bearer")
        );
        assert_eq!(tokens.refresh_expires_in, 30 * 24 * 3600);
        let header = jwt_part(&tokens.access_token, 0);
        assert_eq!(
            (&header["alg"], &header["typ"]),
            (&json!("EdDSA"), &json!("at+jwt"))
        );
        let claims = jwt_part(&tokens.access_token, 1);
        assert_eq!(claims["iss"], "http://127.0.0.1:8080");
        assert_eq!(claims["aud"], "shoal");
        assert_eq!(claims["sub"], user["id"]);
        assert_eq!(claims["sid"], json!(tokens.session_id));
        assert_eq!(claims["roles"], json!([]));
        assert_eq!(claims["iat"], START_MS / 1000);
        assert_eq!(claims["exp"], START_MS / 1000 + 900);
        assert!(text(&claims["jti"]).starts_with("tok_"));

        w.me(&tokens.access_token).send().await.expect(200);
        // Verifiers allow for clocks that differ by half a minute.
        w.advance(900 + 29);
        w.me(&tokens.access_token).send().await.expect(200);
        w.advance(1);
        w.me(&tokens.access_token)
            .send()
            .await
            .problem(401, "common.token_expired");
        w.stop().await;
    }
}

#[tokio::test]
async fn unknown_addresses_and_wrong_passwords_get_the_same_answer() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        let wrong = w
            .try_log_in("ada@example.com", "wrong password")
            .send()
            .await;
        let unknown = w
            .try_log_in("eve@example.com", "wrong password")
            .send()
            .await;
        let shape = |answer: &shoal_testkit::TestResponse| {
            let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            let mut body: Value = answer.json();
            body["trace_id"].take();
            (answer.status, names, body)
        };
        assert_eq!(shape(&wrong), shape(&unknown));
        wrong.problem(401, "auth.invalid_credentials");
        w.stop().await;
    }
}

#[tokio::test]
async fn a_proved_address_is_needed_when_the_settings_say_so() {
    let db = TestDb::sqlite();
    let w = World::start_with(&db, |config| config.require_verified_email = true).await;
    w.register("ada@example.com").await;
    let refused = w.try_log_in("ada@example.com", PASSWORD).send().await;
    refused.problem(403, "auth.email_not_verified");
    // Who doesn't know the password doesn't learn that there is an account.
    let wrong = w
        .try_log_in("ada@example.com", "wrong password")
        .send()
        .await;
    wrong.problem(401, "auth.invalid_credentials");
    let body = json!({ "token": w.verification_token().await });
    w.service
        .post("/auth/v1/verify-email")
        .json(&body)
        .send()
        .await
        .expect(200);
    w.log_in("ada@example.com").await;
    w.stop().await;
}

#[tokio::test]
async fn a_suspended_user_learns_so_only_with_the_right_password() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let tokens = w.newcomer("ada@example.com").await;
        let admin = w.admin().await;
        let path = format!("/auth/v1/users/{}/status", text(&tokens.user["id"]));
        let suspend = w.service.put(&path).bearer(&admin.access_token);
        let user: Value = suspend
            .json(&json!({ "status": "suspended" }))
            .send()
            .await
            .ok(200);
        assert_eq!(user["status"], "suspended");

        w.me(&tokens.access_token)
            .send()
            .await
            .problem(401, "auth.session_ended");
        let refused = w.try_refresh(&tokens.refresh_token).send().await;
        refused.problem(401, "auth.refresh_token_invalid");
        let right = w.try_log_in("ada@example.com", PASSWORD).send().await;
        right.problem(403, "auth.account_suspended");
        let wrong = w
            .try_log_in("ada@example.com", "wrong password")
            .send()
            .await;
        wrong.problem(401, "auth.invalid_credentials");

        let restore = w.service.put(&path).bearer(&admin.access_token);
        restore
            .json(&json!({ "status": "active" }))
            .send()
            .await
            .expect(200);
        w.log_in("ada@example.com").await;
        w.stop().await;
    }
}

#[tokio::test]
async fn a_changed_cost_is_applied_at_the_next_log_in() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        let before = w.clock.clone();
        w.stop().await;
        let w = World::start_at(&db, before, |config| config.password_hash.memory_kib = 128).await;
        let outdated = "SELECT CAST(COUNT(*) AS BIGINT) FROM users WHERE password_hash LIKE \
                        '$argon2id$v=19$m=64,%' AND email = 'ada@example.com'";
        assert_eq!(w.count(outdated).await, 1);
        let wrong = w
            .try_log_in("ada@example.com", "wrong password")
            .send()
            .await;
        wrong.problem(401, "auth.invalid_credentials");
        assert_eq!(w.count(outdated).await, 1);
        w.log_in("ada@example.com").await;
        assert_eq!(w.count(outdated).await, 0);
        w.log_in("ada@example.com").await;
        w.stop().await;
    }
}

#[tokio::test]
async fn a_full_hashing_pool_is_a_503_that_says_when_to_try_again() {
    let db = TestDb::sqlite();
    let w = World::start_with(&db, |config| {
        config.password_hash.memory_kib = 16 * 1024;
        config.password_hash.iterations = 4;
        (config.password_hash.workers, config.password_hash.queue) = (1, 0);
    })
    .await;
    let tries = (0..6).map(|n| w.try_log_in(&format!("u{n}@example.com"), PASSWORD).send());
    let answers = futures::future::join_all(tries).await;
    let refused: Vec<_> = answers.into_iter().filter(|a| a.status == 503).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        assert!(answer.header("retry-after").is_some());
        answer.problem(503, "common.overloaded");
    }
    // An attempt that was not looked at is not charged.
    let charged = "SELECT CAST(COALESCE(MAX(failures), 0) AS BIGINT) FROM throttles \
                   WHERE subject LIKE 'account:%'";
    assert!(w.count(charged).await <= 1);
    w.stop().await;
}
