//! Who is believed, and what the others are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use futures::future::BoxFuture;
use shoal_error::{CommonCode, Error, Result};
use shoal_service::IdentityVerifier;
use shoal_service::config::IdentityConfig;
use shoal_service::identity::{Audience, JwkSet, JwksSource};
use shoal_testkit::{Answer, HttpSink, ManualClock, TestIssuer, TestService};

use super::toy::{Toy, toy};

async fn refused(t: &TestService<Toy>, token: &str, code: &str) {
    let answer = t.get("/toy/v1/whoami").bearer(token).send().await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    answer.problem(401, code);
}

#[tokio::test]
async fn a_good_token_names_the_caller_and_its_context() {
    let t = toy().await;
    let token = t.issuer.user("usr_1", &[]);
    let who: [String; 2] = t.get("/toy/v1/whoami").bearer(&token).send().await.ok(200);
    assert_eq!(who, ["usr_1", "usr_1"]);
    t.stop().await;
}

#[tokio::test]
async fn missing_malformed_expired_and_forged_tokens_have_codes_of_their_own() {
    let t = toy().await;
    t.get("/toy/v1/whoami")
        .send()
        .await
        .problem(401, "common.unauthenticated");
    refused(&t, "not-a-token", "common.token_malformed").await;
    refused(&t, "", "common.token_malformed").await;
    refused(&t, &t.issuer.expired("usr_1", &[]), "common.token_expired").await;
    refused(&t, &t.issuer.forged("usr_1", &[]), "common.token_invalid").await;
    refused(
        &t,
        &TestIssuer::new().user("usr_1", &[]),
        "common.token_invalid",
    )
    .await;
    let basic = t
        .get("/toy/v1/whoami")
        .header("authorization", "Token abc")
        .send()
        .await;
    basic.problem(401, "common.token_malformed");
    t.stop().await;
}

#[tokio::test]
async fn an_altered_token_is_refused() {
    let t = toy().await;
    let token = t.issuer.user("usr_1", &[]);
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = String::from_utf8(engine.decode(&parts[1]).unwrap()).unwrap();
    parts[1] = engine.encode(claims.replace("usr_1", "usr_2"));
    refused(&t, &parts.join("."), "common.token_invalid").await;
    t.stop().await;
}

#[tokio::test]
async fn no_other_algorithm_is_admitted() {
    let t = toy().await;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = t.issuer.user("usr_1", &[]);
    let claims = token.split('.').nth(1).unwrap();
    let header = |text: &str| engine.encode(text);
    let none = format!("{}.{claims}.", header(r#"{"alg":"none","kid":"test-1"}"#));
    refused(&t, &none, "common.token_malformed").await;
    let hs256 = format!(
        "{}.{claims}.AAAA",
        header(r#"{"alg":"HS256","kid":"test-1"}"#)
    );
    refused(&t, &hs256, "common.token_invalid").await;
    let nameless = format!("{}.{claims}.AAAA", header(r#"{"alg":"EdDSA"}"#));
    refused(&t, &nameless, "common.token_invalid").await;
    t.stop().await;
}

#[tokio::test]
async fn a_token_of_another_issuer_audience_or_time_is_refused() {
    let t = toy().await;
    let mut claims = t.issuer.claims("usr_1", &[]);
    claims.iss = "https://elsewhere".to_owned();
    refused(&t, &t.issuer.sign(&claims), "common.token_invalid").await;
    let mut claims = t.issuer.claims("usr_1", &[]);
    claims.aud = Audience::Many(vec!["somebody".to_owned(), "else".to_owned()]);
    refused(&t, &t.issuer.sign(&claims), "common.token_invalid").await;
    let mut claims = t.issuer.claims("usr_1", &[]);
    claims.iat += 3_600;
    claims.exp += 3_600;
    refused(&t, &t.issuer.sign(&claims), "common.token_invalid").await;
    t.stop().await;
}

#[tokio::test]
async fn expiry_allows_for_a_skewed_clock_and_no_more() {
    let clock = ManualClock::new(1_900_000_000_000);
    let config = IdentityConfig {
        clock_skew_s: 30,
        ..IdentityConfig::default()
    };
    let issuer = TestIssuer::with(config.clone(), clock.clone());
    let verifier = IdentityVerifier::new(config, issuer.source(), clock.clone());
    let token = issuer.user("usr_1", &[]);
    clock.advance(Duration::from_secs(900 + 29));
    verifier.verify(&token).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!(error.code(), "common.token_expired");
}

#[tokio::test]
async fn a_public_route_takes_no_token_but_refuses_a_bad_one_where_it_looks() {
    let t = toy().await;
    assert_eq!(
        t.get("/toy/v1/maybe")
            .send()
            .await
            .ok::<Option<String>>(200),
        None
    );
    let expired = t.issuer.expired("usr_1", &[]);
    let answer = t.get("/toy/v1/maybe").bearer(&expired).send().await;
    answer.problem(401, "common.token_expired");
    // A route that does not ask ignores a stale token.
    let _ = t
        .get("/toy/v1/parts")
        .bearer(&expired)
        .send()
        .await
        .expect(200);
    t.stop().await;
}

#[tokio::test]
async fn a_missing_role_is_a_403_that_names_it() {
    let t = toy().await;
    let plain = t.issuer.user("usr_1", &["customer"]);
    let problem = t.get("/toy/v1/admin").bearer(&plain).send().await;
    let problem = problem.problem(403, "common.permission_denied");
    assert!(problem.detail.contains("admin"), "{}", problem.detail);
    let admin = t.issuer.user("usr_2", &["admin"]);
    let _ = t
        .get("/toy/v1/admin")
        .bearer(&admin)
        .send()
        .await
        .expect(204);
    t.stop().await;
}

#[tokio::test]
async fn only_a_caller_of_the_platform_may_say_for_whom_it_calls() {
    let t = toy().await;
    let claim = || {
        let request = t.get("/toy/v1/caller").header("x-shoal-user", "usr_boss");
        request.header("x-gray-version", "canary")
    };
    let outside: [Option<String>; 2] = claim().send().await.ok(200);
    assert_eq!(outside, [None, None]);
    let guessed: [Option<String>; 2] = claim().header("x-shoal-mesh", "guess").send().await.ok(200);
    assert_eq!(guessed, [None, None]);
    let inside: [Option<String>; 2] = claim()
        .header("x-shoal-mesh", t.mesh().expose())
        .send()
        .await
        .ok(200);
    assert_eq!(
        inside,
        [Some("usr_boss".to_owned()), Some("canary".to_owned())]
    );
    // Not even the platform can replace a token.
    let closed = t.get("/toy/v1/whoami").header("x-shoal-user", "usr_boss");
    let closed = closed
        .header("x-shoal-mesh", t.mesh().expose())
        .send()
        .await;
    closed.problem(401, "common.unauthenticated");
    t.stop().await;
}

/// Counts how often the keys are fetched, and fails on demand.
struct Counting {
    issuer: TestIssuer,
    fetched: AtomicUsize,
    away: std::sync::atomic::AtomicBool,
    /// So many of the oldest keys are published no more.
    withdrawn: AtomicUsize,
}

impl JwksSource for Counting {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        let away = self.away.load(Ordering::SeqCst);
        let mut keys = self.issuer.jwks();
        keys.keys.drain(..self.withdrawn.load(Ordering::SeqCst));
        Box::pin(async move {
            // Others that come meanwhile wait for this fetch.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if away {
                Err(Error::new(CommonCode::Unavailable, "away"))
            } else {
                Ok(keys)
            }
        })
    }
}

fn counting() -> (
    Arc<Counting>,
    IdentityVerifier,
    Arc<ManualClock>,
    TestIssuer,
) {
    let clock = ManualClock::new(1_900_000_000_000);
    let config = IdentityConfig {
        refresh_s: 300,
        min_refresh_ms: 5_000,
        ..IdentityConfig::default()
    };
    let issuer = TestIssuer::with(config.clone(), clock.clone());
    let source = Arc::new(Counting {
        issuer: issuer.clone(),
        fetched: AtomicUsize::new(0),
        away: false.into(),
        withdrawn: 0.into(),
    });
    let verifier = IdentityVerifier::new(config, source.clone(), clock.clone());
    (source, verifier, clock, issuer)
}

#[tokio::test]
async fn one_fetch_of_the_keys_serves_all_who_wait() {
    let (source, verifier, _, issuer) = counting();
    let token = issuer.user("usr_1", &[]);
    let all = futures::future::join_all((0..50).map(|_| verifier.verify(&token))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_but_forged_key_ids_cannot_flood_the_issuer() {
    let (source, verifier, clock, issuer) = counting();
    verifier.verify(&issuer.user("usr_1", &[])).await.unwrap();
    clock.advance(Duration::from_secs(6));
    issuer.rotate();
    verifier.verify(&issuer.user("usr_1", &[])).await.unwrap();
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);
    issuer.rotate();
    for _ in 0..20 {
        // Too soon for another fetch: the new key is not known yet.
        let error = verifier
            .verify(&issuer.user("usr_1", &[]))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "common.token_invalid");
    }
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);
    clock.advance(Duration::from_secs(6));
    verifier.verify(&issuer.user("usr_1", &[])).await.unwrap();
    assert_eq!(source.fetched.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_token_that_was_found_good_expires_all_the_same() {
    let (_, verifier, clock, issuer) = counting();
    let token = issuer.user("usr_1", &[]);
    for _ in 0..2 {
        let identity = verifier.verify(&token).await.unwrap();
        assert_eq!(identity.user_id(), "usr_1");
    }
    clock.advance(Duration::from_secs(24 * 3_600));
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!(error.code(), "common.token_expired");
}

#[tokio::test]
async fn a_token_that_was_found_good_falls_with_its_key() {
    let (source, verifier, clock, issuer) = counting();
    let token = issuer.user("usr_1", &[]);
    verifier.verify(&token).await.unwrap();
    source.withdrawn.store(1, Ordering::SeqCst);
    verifier.verify(&token).await.unwrap();
    // Old enough to be fetched again.
    clock.advance(Duration::from_secs(301));
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!(error.code(), "common.token_invalid");
}

#[tokio::test]
async fn known_keys_stay_good_while_the_issuer_is_away() {
    let (source, verifier, clock, issuer) = counting();
    verifier.verify(&issuer.user("usr_1", &[])).await.unwrap();
    source.away.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(3_600));
    verifier.verify(&issuer.user("usr_1", &[])).await.unwrap();
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn without_any_keys_the_answer_is_503_and_not_401() {
    let (source, verifier, clock, issuer) = counting();
    source.away.store(true, Ordering::SeqCst);
    let token = issuer.user("usr_1", &[]);
    for _ in 0..5 {
        let error = verifier.verify(&token).await.unwrap_err();
        assert_eq!(error.code(), "common.unavailable");
    }
    let asked = source.fetched.load(Ordering::SeqCst);
    assert_eq!(asked, 1, "nobody waits for who was just found to be away");
    source.away.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_millis(250));
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn keys_are_read_over_http() {
    let issuer = TestIssuer::new();
    let sink = HttpSink::start().await;
    let keys = serde_json::to_vec(&issuer.jwks()).unwrap();
    sink.script([Answer::status(500), Answer::status(200).body(keys)]);
    let source =
        shoal_service::identity::HttpJwks::new(sink.url("/.well-known/jwks.json")).unwrap();
    assert_eq!(
        source.fetch().await.unwrap_err().code(),
        "common.unavailable"
    );
    assert_eq!(source.fetch().await.unwrap().keys.len(), 1);
    assert_eq!(sink.received()[0].uri.path(), "/.well-known/jwks.json");
}
