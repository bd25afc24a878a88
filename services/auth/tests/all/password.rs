//! Changing the password.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{PASSWORD, World};

const NEW: &str = "seven purple llamas dance";

fn change(w: &World, token: &str, current: &str, new: &str) -> shoal_testkit::TestRequest {
    let body = json!({ "current_password": current, "new_password": new });
    w.service
        .post("/auth/v1/password")
        .bearer(token)
        .json(&body)
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_and_is_announced() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let mine = w.newcomer("ada@example.com").await;
        let other = w.log_in("ada@example.com").await;
        change(&w, &mine.access_token, PASSWORD, NEW)
            .send()
            .await
            .expect(204);

        w.me(&mine.access_token).send().await.expect(200);
        w.me(&other.access_token)
            .send()
            .await
            .problem(401, "auth.session_ended");
        let refused = w.try_refresh(&other.refresh_token).send().await;
        refused.problem(401, "auth.refresh_token_invalid");
        let old = w.try_log_in("ada@example.com", PASSWORD).send().await;
        old.problem(401, "auth.invalid_credentials");
        w.try_log_in("ada@example.com", NEW)
            .send()
            .await
            .expect(200);

        let changed = w.events("auth.password_changed.v1").await;
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0]["user_id"], mine.user["id"]);
        let ended = w.events("auth.sessions_revoked.v1").await;
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0]["session_ids"], json!([other.session_id]));
        assert_eq!(ended[0]["reason"], "password_changed");
        w.stop().await;
    }
}

#[tokio::test]
async fn a_change_that_breaks_a_rule_changes_nothing() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let mine = w.newcomer("ada@example.com").await;
        let token = &mine.access_token;
        let wrong = change(&w, token, "wrong password", NEW).send().await;
        wrong.problem(403, "auth.wrong_password");
        let same = change(&w, token, PASSWORD, PASSWORD).send().await;
        same.problem(422, "auth.password_unchanged");
        for bad in ["short", "password123", "Ada@example.com", &"x1".repeat(65)] {
            let refused = change(&w, token, PASSWORD, bad).send().await;
            let problem = refused.problem(400, "common.invalid_field");
            assert_eq!(problem.errors[0].field, "/new_password", "{bad}");
        }
        let anonymous = json!({ "current_password": PASSWORD, "new_password": NEW });
        let refused = w
            .service
            .post("/auth/v1/password")
            .json(&anonymous)
            .send()
            .await;
        refused.problem(401, "common.unauthenticated");
        w.log_in("ada@example.com").await;
        assert!(w.events("auth.password_changed.v1").await.is_empty());
        w.stop().await;
    }
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let mine = w.newcomer("ada@example.com").await;
        let (a, b) = tokio::join!(
            change(&w, &mine.access_token, PASSWORD, "first new password").send(),
            change(&w, &mine.access_token, PASSWORD, "second new password").send(),
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        // The loser either found the hash replaced, or its password wrong already.
        assert!(matches!(statuses, [204, 403 | 409]), "{statuses:?}");
        assert_eq!(w.events("auth.password_changed.v1").await.len(), 1);
        w.stop().await;
    }
}

#[tokio::test]
async fn guessing_the_current_password_is_throttled_like_a_log_in() {
    let db = TestDb::sqlite();
    let w = World::start_with(&db, |config| config.throttle.account.free_attempts = 3).await;
    let mine = w.newcomer("ada@example.com").await;
    for _ in 0..3 {
        let wrong = change(&w, &mine.access_token, "wrong password", NEW)
            .send()
            .await;
        wrong.problem(403, "auth.wrong_password");
    }
    let locked = change(&w, &mine.access_token, PASSWORD, NEW).send().await;
    locked.problem(429, "auth.too_many_attempts");
    w.advance(31);
    change(&w, &mine.access_token, PASSWORD, NEW)
        .send()
        .await
        .expect(204);
    let me: Value = w.me(&mine.access_token).send().await.ok(200);
    assert_eq!(me["email"], "ada@example.com");
    w.stop().await;
}
