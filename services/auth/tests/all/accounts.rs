//! Registering, verifying, one's own account.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_testkit::{TestDb, eventually};

use super::support::{PASSWORD, START_MS, World, text};

#[tokio::test]
async fn registering_announces_the_user_with_a_token_that_verifies_the_address_once() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let user = w.register("  Ada@Example.COM ").await;
        assert_eq!(user["email"], "ada@example.com");
        assert_eq!(user["email_verified"], false);
        assert_eq!(user["roles"], json!([]));
        assert_eq!(user["created_at_ms"], START_MS);
        assert!(user.get("password_hash").is_none() && user.get("password").is_none());

        let events = w.events("auth.user_registered.v1").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["user_id"], user["id"]);
        assert_eq!(events[0]["email"], "ada@example.com");
        let body = json!({ "token": events[0]["verification_token"] });
        let verify = || w.service.post("/auth/v1/verify-email").json(&body);
        let verified: Value = verify().send().await.ok(200);
        assert_eq!(verified["email_verified"], true);
        verify()
            .send()
            .await
            .problem(400, "auth.verification_token_invalid");
        assert_eq!(w.events("auth.user_verified.v1").await.len(), 1);
        w.stop().await;
    }
}

#[tokio::test]
async fn an_address_is_registered_once_in_whatever_case() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        let body = json!({ "email": "ADA@example.com", "password": PASSWORD });
        let again = w.service.post("/auth/v1/register").json(&body).send().await;
        let problem = again.problem(409, "auth.email_taken");
        assert_eq!(problem.errors[0].field, "/email");
        assert_eq!(
            w.events("auth.user_registered.v1").await.len(),
            1,
            "nothing half-written"
        );
        w.stop().await;
    }
}

#[tokio::test]
async fn of_many_who_register_one_address_at_once_one_wins() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let tries = (0..8).map(|_| w.service.post("/auth/v1/register").json(&body).send());
        let answers = futures::future::join_all(tries).await;
        let made = answers.iter().filter(|a| a.status == 201).count();
        let taken = answers.iter().filter(|a| a.status == 409).count();
        assert_eq!((made, taken), (1, 7));
        w.stop().await;
    }
}

#[tokio::test]
async fn a_verification_token_expires() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        let body = json!({ "token": w.verification_token().await });
        w.advance(24 * 3600);
        let late = w
            .service
            .post("/auth/v1/verify-email")
            .json(&body)
            .send()
            .await;
        late.problem(410, "auth.verification_token_expired");
        w.stop().await;
    }
}

#[tokio::test]
async fn another_mail_brings_a_new_token_and_the_old_one_works_no_more() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        let first = w.verification_token().await;
        w.advance(61);
        let body = json!({ "email": "ada@example.com" });
        let resend = || w.service.post("/auth/v1/verify-email/resend").json(&body);
        let answer = resend().send().await.expect(202);
        assert!(answer.body.is_empty());
        let requested = || async {
            w.events("auth.verification_requested.v1")
                .await
                .into_iter()
                .next()
        };
        let event = eventually(requested, Duration::from_secs(10)).await;
        assert_ne!(text(&event["verification_token"]), first);

        let verify = |token: &str| {
            w.service
                .post("/auth/v1/verify-email")
                .json(&json!({ "token": token }))
        };
        verify(&first)
            .send()
            .await
            .problem(400, "auth.verification_token_invalid");
        verify(&text(&event["verification_token"]))
            .send()
            .await
            .expect(200);
        w.stop().await;
    }
}

#[tokio::test]
async fn asking_for_another_mail_tells_nothing_about_the_account() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    w.register("ada@example.com").await;
    // The administrator's address is verified, Ada's mail is a moment old, and
    // nobody has the third: none gets a mail, all get the same answer.
    let mut answers = Vec::new();
    for email in ["root@example.com", "ada@example.com", "nobody@example.com"] {
        let resend = w.service.post("/auth/v1/verify-email/resend");
        let answer = resend.json(&json!({ "email": email })).send().await;
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, answer.body, names));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
    assert_eq!(answers[0].0, 202);

    // A request that does cause a mail is worked off after those before it.
    w.register("eve@example.com").await;
    w.advance(61);
    let body = json!({ "email": "eve@example.com" });
    w.service
        .post("/auth/v1/verify-email/resend")
        .json(&body)
        .send()
        .await
        .expect(202);
    let all = || async {
        let all = w.events("auth.verification_requested.v1").await;
        (!all.is_empty()).then_some(all)
    };
    let all = eventually(all, Duration::from_secs(10)).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["email"], "eve@example.com");
    w.stop().await;
}

#[tokio::test]
async fn me_is_who_logged_in() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let tokens = w.newcomer("ada@example.com").await;
        let me: Value = w.me(&tokens.access_token).send().await.ok(200);
        assert_eq!(me, tokens.user);
        assert_eq!(me["display_name"], "Ada");
        w.service
            .get("/auth/v1/me")
            .send()
            .await
            .problem(401, "common.unauthenticated");
        w.stop().await;
    }
}
