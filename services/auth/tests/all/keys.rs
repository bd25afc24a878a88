//! Signing keys: what is published, how they rotate.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_auth::config::AuthConfig;
use shoal_testkit::{TestDb, eventually};

use super::support::{World, jwt_part, text};

const DAY: u64 = 24 * 3600;

async fn published(w: &World) -> Vec<String> {
    let jwks: Value = w.service.get("/.well-known/jwks.json").send().await.ok(200);
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| text(&key["kid"]))
        .collect()
}

/// Looks often, so that tests need not wait.
fn quick(config: &mut AuthConfig) {
    config.keys.reload_s = 1;
}

#[tokio::test]
async fn two_keys_are_published_with_cache_headers_and_no_secret() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let answer = w
            .service
            .get("/.well-known/jwks.json")
            .send()
            .await
            .expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let jwks: Value = answer.json();
        let keys = jwks["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        for key in keys {
            let mut names: Vec<&str> = key
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            names.sort_unstable();
            assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
            assert_eq!(
                (&key["kty"], &key["crv"]),
                (&json!("OKP"), &json!("Ed25519"))
            );
        }
        let tag = answer.header("etag").unwrap().to_owned();
        let again = w
            .service
            .get("/.well-known/jwks.json")
            .header("if-none-match", &tag);
        let again = again.send().await.expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        let other = w
            .service
            .get("/.well-known/jwks.json")
            .header("if-none-match", "\"x\"");
        other.send().await.expect(200);
        w.stop().await;
    }
}

#[tokio::test]
async fn discovery_leads_to_the_keys_and_endpoints() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let answer = w.service.get(path).send().await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        let found: Value = answer.json();
        assert_eq!(found["issuer"], "http://127.0.0.1:8080");
        assert_eq!(
            found["id_token_signing_alg_values_supported"],
            json!(["EdDSA"])
        );
        let local = |name: &str| {
            let url = text(&found[name]);
            url.strip_prefix("http://127.0.0.1:8080")
                .unwrap()
                .to_owned()
        };
        w.service.get(&local("jwks_uri")).send().await.expect(200);
        for name in [
            "token_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
        ] {
            // Only forms are read, so the endpoint is there if it says so.
            let answer = w.service.post(&local(name)).json(&json!({})).send().await;
            answer.problem(415, "common.unsupported_media_type");
        }
    }
    w.stop().await;
}

#[tokio::test]
async fn age_rotates_the_key_and_old_tokens_verify_meanwhile() {
    for db in TestDb::all().await {
        let w = World::start_with(&db, |config| {
            quick(config);
            config.tokens.access_ttl_s = 3_600;
        })
        .await;
        let old = w.newcomer("ada@example.com").await;
        let before = published(&w).await;
        let signer = text(&jwt_part(&old.access_token, 0)["kid"]);
        assert_eq!(signer, before[0]);

        // Half an hour before the old key's last token would end.
        w.advance(30 * DAY - 1_800);
        let old = w.log_in("ada@example.com").await;
        w.advance(1_800);
        let rotated = || async { published(&w).await.len() == 3 };
        eventually(rotated, Duration::from_secs(20)).await;
        let during = published(&w).await;
        assert_eq!(during[..2], before, "the old key stays published");

        let new = w.log_in("ada@example.com").await;
        assert_eq!(
            jwt_part(&new.access_token, 0)["kid"],
            json!(before[1]),
            "the waiting key signs"
        );
        w.me(&old.access_token).send().await.expect(200);
        w.me(&new.access_token).send().await.expect(200);

        // After the longest token and the reloading of others the key goes.
        w.advance(3_600 + 3 * 60);
        let gone = || async { published(&w).await.len() == 2 };
        eventually(gone, Duration::from_secs(20)).await;
        assert_eq!(published(&w).await, during[1..]);
        w.stop().await;
    }
}

#[tokio::test]
async fn instances_that_start_and_rotate_together_share_one_set_of_keys() {
    for db in TestDb::all().await {
        let clock = shoal_testkit::ManualClock::new(super::support::START_MS);
        let (a, b) = tokio::join!(
            World::start_at(&db, clock.clone(), quick),
            World::start_at(&db, clock.clone(), quick),
        );
        let keys = published(&a).await;
        assert_eq!(keys.len(), 2, "{db}");
        assert_eq!(published(&b).await, keys);
        let tokens = a.newcomer("ada@example.com").await;
        b.me(&tokens.access_token).send().await.expect(200);

        clock.advance(Duration::from_secs(30 * DAY));
        let both = || async {
            let (of_a, of_b) = (published(&a).await, published(&b).await);
            of_a.len() == 3 && of_a == of_b
        };
        eventually(both, Duration::from_secs(20)).await;
        let (from_a, from_b) = (
            a.log_in("ada@example.com").await,
            b.log_in("ada@example.com").await,
        );
        b.me(&from_a.access_token).send().await.expect(200);
        a.me(&from_b.access_token).send().await.expect(200);
        a.stop().await;
        b.stop().await;
    }
}

#[tokio::test]
async fn keys_at_rest_are_sealed_and_a_wrong_sealing_key_is_said_so() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let sealed =
            "SELECT CAST(COUNT(*) AS BIGINT) FROM signing_keys WHERE sealed_seed LIKE 'v1.%'";
        assert_eq!(w.count(sealed).await, 2);
        w.stop().await;
        let other = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=".to_owned();
        let start = shoal_testkit::TestService::<shoal_auth::Auth>::builder()
            .config(|config| config.keys.sealing_key = Some(other.into()))
            .try_start(&db);
        let Err(error) = start.await else {
            panic!("it started with another sealing key")
        };
        assert!(
            error
                .to_string()
                .contains("sealed with the key-encryption key"),
            "{error}"
        );
    }
}
