//! Access tokens for tests, from a real Ed25519 key.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shoal_service::config::IdentityConfig;
use shoal_service::identity::{Audience, Claims, JwksSource, StaticJwks};
use shoal_task::{SharedClock, system_clock};

/// Stands in for the auth service: signs tokens and publishes its keys. Clones
/// share the keys.
#[derive(Clone)]
pub struct TestIssuer {
    keys: Arc<RwLock<Vec<Key>>>,
    config: IdentityConfig,
    clock: SharedClock,
}

struct Key {
    id: String,
    encoding: EncodingKey,
    public: Jwk,
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl TestIssuer {
    /// An issuer with one key and the default issuer and audience.
    pub fn new() -> Self {
        Self::with(IdentityConfig::default(), system_clock())
    }

    /// An issuer as the settings name it, whose tokens begin at the clock's
    /// time.
    pub fn with(config: IdentityConfig, clock: SharedClock) -> Self {
        let keys = Arc::new(RwLock::new(vec![Key::new("test-1".to_owned())]));
        Self {
            keys,
            config,
            clock,
        }
    }

    /// A good token of a user, valid for 15 minutes.
    pub fn user(&self, id: &str, roles: &[&str]) -> String {
        self.sign(&self.claims(id, roles))
    }

    /// A token that was good until ten minutes ago.
    pub fn expired(&self, id: &str, roles: &[&str]) -> String {
        let mut claims = self.claims(id, roles);
        claims.iat -= 1_500;
        claims.exp = self.now() - 600;
        self.sign(&claims)
    }

    /// A token that names our key but is signed with another.
    pub fn forged(&self, id: &str, roles: &[&str]) -> String {
        let kid = self.keys.read().unwrap().last().unwrap().id.clone();
        encode(&self.claims(id, roles), &Key::new(kid))
    }

    /// The claims of [`TestIssuer::user`], to be changed and signed.
    pub fn claims(&self, id: &str, roles: &[&str]) -> Claims {
        let now = self.now();
        Claims {
            iss: self.config.issuer.clone(),
            sub: id.to_owned(),
            aud: Audience::One(self.config.audience.clone()),
            exp: now + 900,
            iat: now,
            nbf: None,
            jti: format!("tok_{:032x}", rand::random::<u128>()),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            sid: Some(format!("ses_{id}")),
        }
    }

    /// Signs claims with the newest key.
    pub fn sign(&self, claims: &Claims) -> String {
        encode(claims, self.keys.read().unwrap().last().unwrap())
    }

    /// Adds a key, with which tokens are signed from now on.
    pub fn rotate(&self) {
        let mut keys = self.keys.write().unwrap();
        let id = format!("test-{}", keys.len() + 1);
        keys.push(Key::new(id));
    }

    /// The public keys.
    pub fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: self
                .keys
                .read()
                .unwrap()
                .iter()
                .map(|key| key.public.clone())
                .collect(),
        }
    }

    /// A source that always has the newest keys.
    pub fn source(&self) -> Arc<dyn JwksSource> {
        Arc::new(Live(self.clone()))
    }

    fn now(&self) -> i64 {
        self.clock.now_ms() / 1_000
    }
}

struct Live(TestIssuer);

impl JwksSource for Live {
    fn fetch(
        &self,
    ) -> std::pin::Pin<Box<dyn Future<Output = shoal_error::Result<JwkSet>> + Send + '_>> {
        let keys = StaticJwks(self.0.jwks());
        Box::pin(async move { keys.fetch().await })
    }
}

impl Key {
    fn new(id: String) -> Self {
        let key = SigningKey::from_bytes(&rand::random());
        let private = key.to_pkcs8_der().expect("an Ed25519 key encodes");
        let encoding = EncodingKey::from_ed_der(private.as_bytes());
        let public = public(&id, &key);
        Self {
            id,
            encoding,
            public,
        }
    }
}

fn public(id: &str, key: &SigningKey) -> Jwk {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let jwk = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": x,
    });
    serde_json::from_value(jwk).expect("a key document")
}

fn encode(claims: &Claims, key: &Key) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, claims, &key.encoding).expect("claims encode")
}

/// Longest that a test waits for a service to be ready.
pub(crate) const READY: Duration = Duration::from_secs(20);
