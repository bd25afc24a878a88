//! Throttling on the manual clock.

use serde_json::json;
use shoal_testkit::{TestDb, TestResponse};

use super::support::{PASSWORD, World};

fn retry_after(answer: &TestResponse) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_account_locks_for_longer_each_time_and_opens_with_the_clock() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.throttle.account.free_attempts = 3).await;
        w.register("ada@example.com").await;
        let wrong = || w.try_log_in("ada@example.com", "wrong password").send();
        for _ in 0..3 {
            wrong().await.problem(401, "auth.invalid_credentials");
        }
        for lock in [30, 60, 120] {
            let locked = w.try_log_in("ada@example.com", PASSWORD).send().await;
            assert_eq!(retry_after(&locked), lock, "{db}");
            locked.problem(429, "auth.too_many_attempts");
            w.advance(lock - 1);
            let locked = w.try_log_in("ada@example.com", PASSWORD).send().await;
            assert_eq!(retry_after(&locked), 1);
            w.advance(1);
            wrong().await.problem(401, "auth.invalid_credentials");
        }
        w.advance(240);
        w.log_in("ada@example.com").await;
        // A right password forgets the failures.
        for _ in 0..3 {
            wrong().await.problem(401, "auth.invalid_credentials");
        }
        assert_eq!(retry_after(&wrong().await), 30);
        w.stop().await;
    }
}

#[tokio::test]
async fn unknown_accounts_lock_exactly_like_known_ones() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.throttle.account.free_attempts = 2).await;
        w.register("ada@example.com").await;
        let mut seen = Vec::new();
        for email in ["ada@example.com", "nobody@example.com"] {
            let mut answers = Vec::new();
            for _ in 0..4 {
                let answer = w.try_log_in(email, "wrong password").send().await;
                answers.push((
                    answer.status,
                    answer.header("retry-after").map(str::to_owned),
                ));
            }
            seen.push(answers);
        }
        assert_eq!(seen[0], seen[1], "{db}");
        assert_eq!(seen[0][2].0, 429);
        w.stop().await;
    }
}

#[tokio::test]
async fn parallel_guesses_do_not_slip_through_before_the_first_has_failed() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.throttle.account.free_attempts = 4).await;
        w.register("ada@example.com").await;
        let guesses = (0..16).map(|n| {
            w.try_log_in("ada@example.com", &format!("wrong password {n}"))
                .send()
        });
        let answers = futures::future::join_all(guesses).await;
        let looked_at = answers.iter().filter(|a| a.status == 401).count();
        let refused = answers.iter().filter(|a| a.status == 429).count();
        assert_eq!((looked_at, refused), (4, 12), "{db}");
        w.stop().await;
    }
}

#[tokio::test]
async fn right_passwords_in_parallel_are_not_taken_for_guesses() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        w.register("ada@example.com").await;
        for _ in 0..5 {
            let tries = (0..8).map(|_| w.try_log_in("ada@example.com", PASSWORD).send());
            for answer in futures::future::join_all(tries).await {
                assert_eq!(answer.status, 200, "{db}: {}", answer.text());
            }
        }
        assert_eq!(
            w.count("SELECT CAST(COUNT(*) AS BIGINT) FROM throttles")
                .await,
            0
        );
        w.stop().await;
    }
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_is_locked_and_others_are_not() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| config.throttle.address.free_attempts = 5).await;
        w.register("ada@example.com").await;
        let from = |address: &str, email: &str, password: &str| {
            w.try_log_in(email, password)
                .header("x-forwarded-for", address)
                .send()
        };
        for n in 0..5 {
            let email = format!("user{n}@example.com");
            let wrong = from("198.51.100.1", &email, "wrong password").await;
            wrong.problem(401, "auth.invalid_credentials");
        }
        let locked = from("198.51.100.1", "ada@example.com", PASSWORD).await;
        assert_eq!(retry_after(&locked), 30);
        locked.problem(429, "auth.too_many_attempts");
        from("198.51.100.2", "ada@example.com", PASSWORD)
            .await
            .expect(200);
        // What the client itself writes before the proxy's entry doesn't help.
        let spoofed = from("203.0.113.5, 198.51.100.1", "ada@example.com", PASSWORD).await;
        spoofed.problem(429, "auth.too_many_attempts");
        w.advance(30);
        from("198.51.100.1", "ada@example.com", PASSWORD)
            .await
            .expect(200);
        w.stop().await;
    }
}

#[tokio::test]
async fn forwarded_addresses_count_only_from_trusted_proxies() {
    let db = TestDb::sqlite();
    let w = World::start_with(&db, |config| {
        config.throttle.address.free_attempts = 3;
        config.throttle.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    })
    .await;
    for n in 0..3 {
        let forged = format!("198.51.100.{n}");
        let wrong = w
            .try_log_in(&format!("user{n}@example.com"), "wrong password")
            .header("x-forwarded-for", &forged)
            .send()
            .await;
        wrong.problem(401, "auth.invalid_credentials");
    }
    let locked = w
        .try_log_in("ada@example.com", PASSWORD)
        .header("x-forwarded-for", "198.51.100.9");
    locked.send().await.problem(429, "auth.too_many_attempts");
    w.stop().await;
}

#[tokio::test]
async fn trying_out_which_addresses_are_taken_is_throttled() {
    let db = TestDb::sqlite();
    let w = World::start_with(&db, |config| config.throttle.address.free_attempts = 4).await;
    w.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    for _ in 0..4 {
        let taken = w.service.post("/auth/v1/register").json(&body).send().await;
        taken.problem(409, "auth.email_taken");
    }
    let locked = w.service.post("/auth/v1/register").json(&body).send().await;
    locked.problem(429, "auth.too_many_attempts");
    w.stop().await;
}
