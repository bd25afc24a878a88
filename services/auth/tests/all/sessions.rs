//! Lists of sessions and logging out.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{World, text};

#[tokio::test]
async fn logging_out_ends_one_session() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let one = w.newcomer("ada@example.com").await;
        let two = w.log_in("ada@example.com").await;
        let out = || w.service.post("/auth/v1/logout").bearer(&one.access_token);
        out().send().await.expect(204);
        out().send().await.problem(401, "auth.session_ended");
        let refused = w.try_refresh(&one.refresh_token).send().await;
        refused.problem(401, "auth.refresh_token_invalid");
        w.me(&two.access_token).send().await.expect(200);
        let events = w.events("auth.sessions_revoked.v1").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["reason"], "log_out");
        w.stop().await;
    }
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_sessions_of_this_user_only() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let other = w.newcomer("eve@example.com").await;
        let one = w.newcomer("ada@example.com").await;
        let two = w.log_in("ada@example.com").await;
        let three = w.log_in("ada@example.com").await;
        let out = w
            .service
            .post("/auth/v1/logout-all")
            .bearer(&two.access_token);
        assert_eq!(out.send().await.ok::<Value>(200), json!({ "ended": 3 }));
        for tokens in [&one, &two, &three] {
            w.me(&tokens.access_token)
                .send()
                .await
                .problem(401, "auth.session_ended");
            let refused = w.try_refresh(&tokens.refresh_token).send().await;
            refused.problem(401, "auth.refresh_token_invalid");
        }
        w.me(&other.access_token).send().await.expect(200);
        let events = w.events("auth.sessions_revoked.v1").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["session_ids"].as_array().unwrap().len(), 3);
        w.log_in("ada@example.com").await;
        w.stop().await;
    }
}

#[tokio::test]
async fn sessions_are_listed_in_pages_and_ended_by_id() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let first = w.newcomer("ada@example.com").await;
        for _ in 0..4 {
            w.log_in("ada@example.com").await;
        }
        let page = |query: &str| {
            w.service
                .get(&format!("/auth/v1/sessions{query}"))
                .bearer(&first.access_token)
        };
        let mut ids = Vec::new();
        let mut query = "?limit=2".to_owned();
        loop {
            let got: Value = page(&query).send().await.ok(200);
            ids.extend(got["items"].as_array().unwrap().clone());
            let Some(cursor) = got["next_cursor"].as_str() else {
                break;
            };
            query = format!("?limit=2&cursor={cursor}");
        }
        assert_eq!(ids.len(), 5);
        assert_eq!(ids[0]["id"], json!(first.session_id));
        assert_eq!(
            ids.iter().filter(|s| s["current"] == json!(true)).count(),
            1
        );
        assert_eq!(ids[0]["address"], "127.0.0.1");

        let path = format!("/auth/v1/sessions/{}", text(&ids[3]["id"]));
        let end = || w.service.delete(&path).bearer(&first.access_token);
        end().send().await.expect(204);
        end().send().await.problem(404, "auth.session_not_found");
        let rest: Value = page("?limit=100").send().await.ok(200);
        assert_eq!(rest["items"].as_array().unwrap().len(), 4);
        w.stop().await;
    }
}

#[tokio::test]
async fn nobody_ends_or_lists_the_sessions_of_another() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let ada = w.newcomer("ada@example.com").await;
        let eve = w.newcomer("eve@example.com").await;
        let path = format!("/auth/v1/sessions/{}", ada.session_id);
        let refused = w
            .service
            .delete(&path)
            .bearer(&eve.access_token)
            .send()
            .await;
        refused.problem(404, "auth.session_not_found");
        w.me(&ada.access_token).send().await.expect(200);

        w.log_in("ada@example.com").await;
        let page = w
            .service
            .get("/auth/v1/sessions?limit=1")
            .bearer(&ada.access_token);
        let cursor = text(&page.send().await.ok::<Value>(200)["next_cursor"]);
        let path = format!("/auth/v1/sessions?cursor={cursor}");
        let foreign = w.service.get(&path).bearer(&eve.access_token).send().await;
        foreign.problem(400, "common.invalid_cursor");
        w.stop().await;
    }
}

#[tokio::test]
async fn ended_sessions_and_old_counters_are_cleaned_up() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.clean_up.every_s = 1).await;
        let tokens = w.newcomer("ada@example.com").await;
        w.refresh(&tokens.refresh_token).await;
        let wrong = w
            .try_log_in("eve@example.com", "wrong password")
            .send()
            .await;
        wrong.problem(401, "auth.invalid_credentials");
        assert_eq!(
            w.count("SELECT CAST(COUNT(*) AS BIGINT) FROM refresh_tokens")
                .await,
            2
        );
        assert!(
            w.count("SELECT CAST(COUNT(*) AS BIGINT) FROM throttles")
                .await
                > 0
        );
        w.advance(100 * 24 * 3600);
        for table in [
            "SELECT CAST(COUNT(*) AS BIGINT) FROM refresh_tokens",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM sessions",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM throttles",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM email_verifications",
        ] {
            let empty = || async { w.count(table).await == 0 };
            shoal_testkit::eventually(empty, std::time::Duration::from_secs(20)).await;
        }
        w.log_in("ada@example.com").await;
        w.stop().await;
    }
}
