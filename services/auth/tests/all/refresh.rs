//! Rotation of refresh tokens and what happens when one comes back.

use serde_json::json;
use shoal_testkit::TestDb;

use super::support::{START_MS, World, jwt_part};

#[tokio::test]
async fn each_refresh_token_is_good_once_and_keeps_the_session() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let mut tokens = w.newcomer("ada@example.com").await;
        let session = tokens.session_id.clone();
        for _ in 0..5 {
            w.advance(600);
            let next = w.refresh(&tokens.refresh_token).await;
            assert_eq!(next.session_id, session);
            assert_ne!(next.refresh_token, tokens.refresh_token);
            w.me(&next.access_token).send().await.expect(200);
            tokens = next;
        }
        let claims = jwt_part(&tokens.access_token, 1);
        assert_eq!(claims["iat"], START_MS / 1000 + 3_000);
        w.stop().await;
    }
}

#[tokio::test]
async fn a_replaced_token_that_comes_back_ends_the_session_and_is_announced() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let first = w.newcomer("ada@example.com").await;
        let other = w.log_in("ada@example.com").await;
        let second = w.refresh(&first.refresh_token).await;
        let third = w.refresh(&second.refresh_token).await;

        let stolen = w.try_refresh(&first.refresh_token).send().await;
        stolen.problem(401, "auth.refresh_token_reused");
        let newest = w.try_refresh(&third.refresh_token).send().await;
        newest.problem(401, "auth.refresh_token_invalid");
        w.me(&third.access_token)
            .send()
            .await
            .problem(401, "auth.session_ended");
        // Other sessions of the user have nothing to do with it.
        w.me(&other.access_token).send().await.expect(200);

        let detected = w.events("auth.refresh_reuse_detected.v1").await;
        assert_eq!(detected.len(), 1);
        assert_eq!(detected[0]["session_id"], json!(first.session_id));
        assert_eq!(detected[0]["user_id"], first.user["id"]);
        let revoked = w.events("auth.sessions_revoked.v1").await;
        assert_eq!(revoked.len(), 1);
        assert_eq!(revoked[0]["reason"], "refresh_reuse");
        assert_eq!(revoked[0]["session_ids"], json!([first.session_id]));

        // A second time it is only invalid: the session is over.
        let again = w.try_refresh(&first.refresh_token).send().await;
        again.problem(401, "auth.refresh_token_invalid");
        assert_eq!(w.events("auth.refresh_reuse_detected.v1").await.len(), 1);
        w.stop().await;
    }
}

#[tokio::test]
async fn of_many_who_present_one_token_at_once_exactly_one_wins() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let tokens = w.newcomer("ada@example.com").await;
        let tries = (0..10).map(|_| w.try_refresh(&tokens.refresh_token).send());
        let answers = futures::future::join_all(tries).await;
        let won = answers.iter().filter(|a| a.status == 200).count();
        let lost = answers.iter().filter(|a| a.status == 401).count();
        assert_eq!((won, lost), (1, 9), "{db}");
        assert_eq!(
            w.events("auth.refresh_reuse_detected.v1").await.len(),
            1,
            "{db}"
        );
        w.stop().await;
    }
}

#[tokio::test]
async fn within_the_grace_haste_is_a_409_and_the_winner_stays_logged_in() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.tokens.refresh_grace_ms = 5_000).await;
        let tokens = w.newcomer("ada@example.com").await;
        let tries = (0..6).map(|_| w.try_refresh(&tokens.refresh_token).send());
        let answers = futures::future::join_all(tries).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 5));
        for answer in lost {
            answer.problem(409, "auth.refresh_token_just_used");
        }
        let winner: super::support::Tokens = won[0].json();
        let next = w.refresh(&winner.refresh_token).await;
        w.advance(5);
        let late = w.try_refresh(&tokens.refresh_token).send().await;
        late.problem(401, "auth.refresh_token_reused");
        let ended = w.try_refresh(&next.refresh_token).send().await;
        ended.problem(401, "auth.refresh_token_invalid");
        w.stop().await;
    }
}

#[tokio::test]
async fn tokens_and_sessions_end_by_time() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| {
            config.tokens.refresh_ttl_s = 1_000;
            config.tokens.session_ttl_s = 2_500;
        })
        .await;
        let idle = w.newcomer("idle@example.com").await;
        let mut busy = w.newcomer("busy@example.com").await;
        w.advance(999);
        busy = w.refresh(&busy.refresh_token).await;
        w.advance(1);
        let late = w.try_refresh(&idle.refresh_token).send().await;
        late.problem(401, "auth.refresh_token_expired");
        w.advance(900);
        busy = w.refresh(&busy.refresh_token).await;
        assert_eq!(
            busy.refresh_expires_in, 600,
            "no token outlives its session"
        );
        w.advance(600);
        let over = w.try_refresh(&busy.refresh_token).send().await;
        over.problem(401, "auth.refresh_token_expired");
        w.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_alike() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let tokens = w.newcomer("ada@example.com").await;
    let unknown = format!("srt_{}", "A".repeat(43));
    let cut = &tokens.refresh_token[..tokens.refresh_token.len() - 1];
    for bad in ["", "nonsense", cut, &unknown, &tokens.access_token] {
        let refused = w.try_refresh(bad).send().await;
        refused.problem(401, "auth.refresh_token_invalid");
    }
    w.refresh(&tokens.refresh_token).await;
    w.stop().await;
}
