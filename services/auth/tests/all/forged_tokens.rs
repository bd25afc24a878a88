//! Tokens that somebody else made, or that were changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{World, jwt_part};

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

#[tokio::test]
async fn no_forged_or_altered_token_is_believed() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let tokens = w.newcomer("ada@example.com").await;
    let good = &tokens.access_token;
    let (header, claims) = (jwt_part(good, 0), jwt_part(good, 1));
    let parts: Vec<&str> = good.split('.').collect();
    let jwks: Value = w.service.get("/.well-known/jwks.json").send().await.ok(200);
    let own = SigningKey::from_bytes(&[7; 32]);

    let none = |alg: &str| json!({ "alg": alg, "typ": "at+jwt", "kid": header["kid"] });
    let mut admin = claims.clone();
    admin["roles"] = json!(["admin"]);
    let mut unknown_kid = header.clone();
    unknown_kid["kid"] = json!("key_unknown");
    let mut embedded = header.clone();
    let x = URL_SAFE_NO_PAD.encode(own.verifying_key().as_bytes());
    embedded["jwk"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });

    let hmac = {
        use hmac::{KeyInit as _, Mac as _};
        let secret = jwks["keys"][0]["x"].as_str().unwrap();
        let message = format!("{}.{}", encoded(&none("HS256")), encoded(&admin));
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(message.as_bytes());
        format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    };
    let forgeries = [
        (
            "alg none",
            format!("{}.{}.", encoded(&none("none")), encoded(&admin)),
        ),
        (
            "alg None",
            format!("{}.{}.", encoded(&none("None")), encoded(&admin)),
        ),
        ("HMAC keyed with the public key", hmac),
        ("another key under our id", signed(&own, &header, &admin)),
        (
            "another key under another id",
            signed(&own, &unknown_kid, &admin),
        ),
        ("a key inside the header", signed(&own, &embedded, &admin)),
        (
            "altered payload",
            format!("{}.{}.{}", parts[0], encoded(&admin), parts[2]),
        ),
        (
            "altered header",
            format!("{}.{}.{}", encoded(&unknown_kid), parts[1], parts[2]),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("the refresh token", tokens.refresh_token.clone()),
        ("nonsense", "nonsense".to_owned()),
        ("empty parts", "..".to_owned()),
    ];
    let client = w.service_account("checker", &["introspect"]).await;
    for (what, token) in &forgeries {
        let refused = w.me(token).send().await;
        assert_eq!(refused.status, 401, "{what}");
        let code = refused.json::<Value>()["code"].clone();
        assert!(
            code == "common.token_malformed" || code == "common.token_invalid",
            "{what}: {code}"
        );
        let users = w.service.get("/auth/v1/users").bearer(token).send().await;
        assert_eq!(users.status, 401, "{what}");
        if *what != "the refresh token" {
            assert_eq!(
                w.introspect(&client, token).await,
                json!({ "active": false }),
                "{what}"
            );
        }
    }
    w.me(good).send().await.expect(200);
    w.stop().await;
}

#[tokio::test]
async fn tokens_of_another_issuer_or_for_another_audience_are_refused() {
    // Same signing keys, other names: what a copied configuration would do.
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let tokens = w.newcomer("ada@example.com").await;
    let clock = w.clock.clone();
    w.stop().await;
    for (issuer, audience) in [
        ("http://127.0.0.1:8080", "other"),
        ("https://elsewhere.example", "shoal"),
    ] {
        let service = shoal_testkit::TestService::<shoal_auth::Auth>::builder()
            .clock(clock.clone())
            .chassis(|chassis| {
                chassis.identity.issuer = issuer.to_owned();
                chassis.identity.audience = audience.to_owned();
            })
            .config(|config| {
                let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned();
                config.keys.sealing_key = Some(key.into());
                config.password_hash.memory_kib = 64;
            })
            .start(&db)
            .await;
        let refused = service
            .get("/auth/v1/me")
            .bearer(&tokens.access_token)
            .send()
            .await;
        refused.problem(401, "common.token_invalid");
        service.stop().await;
    }
}

#[tokio::test]
async fn odd_authorization_headers_are_401() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let tokens = w.newcomer("ada@example.com").await;
    for header in [
        "Bearer",
        "Bearer ",
        "Token x",
        "bearer x y",
        &format!("Digest {}", tokens.access_token),
    ] {
        let answer = w
            .service
            .get("/auth/v1/me")
            .header("authorization", header)
            .send()
            .await;
        assert_eq!(answer.status, 401, "{header}");
    }
    let lower = format!("bearer {}", tokens.access_token);
    w.service
        .get("/auth/v1/me")
        .header("authorization", &lower)
        .send()
        .await
        .expect(200);
    w.stop().await;
}
