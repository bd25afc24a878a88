//! From the text of a token to an identity.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use shoal_error::{CommonCode, Error, Result};
use shoal_task::SharedClock;

use super::claims::{Claims, Identity};
use super::jwks::JwksSource;
use super::keys::KeyCache;
use super::verified::{Entry, Verified};
use crate::config::IdentityConfig;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// Verifies access tokens. Clones share the cached keys.
#[derive(Clone)]
pub struct IdentityVerifier(Arc<Inner>);

struct Inner {
    config: IdentityConfig,
    clock: SharedClock,
    keys: KeyCache,
    verified: Verified,
}

impl IdentityVerifier {
    /// A verifier that reads keys from `source` when it needs them.
    pub fn new(config: IdentityConfig, source: Arc<dyn JwksSource>, clock: SharedClock) -> Self {
        let refresh = Duration::from_secs(config.refresh_s);
        let min_refresh = Duration::from_millis(config.min_refresh_ms);
        let keys = KeyCache::new(source, Arc::clone(&clock), refresh, min_refresh);
        Self(Arc::new(Inner {
            config,
            clock,
            keys,
            verified: Verified::default(),
        }))
    }

    /// Issuer, audience and tolerance that tokens are held against.
    pub fn config(&self) -> &IdentityConfig {
        &self.0.config
    }

    /// Verifies the text of a token: form, algorithm, key, signature, times,
    /// issuer, audience.
    ///
    /// # Errors
    /// `common.token_malformed` when it is not a token of our form,
    /// `common.token_invalid` when it was not issued by our issuer for us,
    /// `common.token_expired` when it was good once, `Unavailable` when the
    /// issuer's keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Identity> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return Err(malformed());
        }
        if let Some(known) = self.0.verified.find(token)
            && let Some(key) = self.0.keys.find(&known.key_id).await?
            && Arc::ptr_eq(&key, &known.key)
        {
            self.check_claims(known.identity.claims())?;
            return Ok(known.identity);
        }
        self.verify_signature(token).await
    }

    async fn verify_signature(&self, token: &str) -> Result<Identity> {
        let header = jsonwebtoken::decode_header(token).map_err(|e| malformed().with_source(e))?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid("The token is not signed with EdDSA."));
        }
        let kid = header
            .kid
            .ok_or_else(|| invalid("The token does not name its key."))?;
        let Some(key) = self.0.keys.find(&kid).await? else {
            return Err(invalid("The token's key is not one of the issuer's."));
        };
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &signature_only());
        let claims = decoded.map_err(refused)?.claims;
        self.check_claims(&claims)?;
        let identity = Identity::new(claims);
        let entry = Entry {
            identity: identity.clone(),
            key_id: kid.into(),
            key,
        };
        self.0.verified.keep(token, entry);
        Ok(identity)
    }

    fn check_claims(&self, claims: &Claims) -> Result<()> {
        let config = &self.0.config;
        let skew = i64::try_from(config.clock_skew_s).unwrap_or(i64::MAX);
        let now = self.0.clock.now_ms() / 1000;
        if claims.iss != config.issuer {
            return Err(invalid("The token was issued by somebody else."));
        }
        if !claims.aud.contains(&config.audience) {
            return Err(invalid("The token was issued for somebody else."));
        }
        if claims.exp.saturating_add(skew) <= now {
            return Err(Error::new(
                CommonCode::TokenExpired,
                "The token has expired.",
            ));
        }
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if begins.saturating_sub(skew) > now {
            return Err(invalid("The token is not valid yet."));
        }
        Ok(())
    }
}

impl std::fmt::Debug for IdentityVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityVerifier")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

/// The library checks the signature; times are checked against our own clock,
/// which tests can move.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn refused(error: jsonwebtoken::errors::Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidSignature => {
            invalid("The token's signature is not the issuer's.").with_source(error)
        }
        // Signed by the issuer, yet without what a token of ours has.
        ErrorKind::Json(_) => malformed().with_source(error),
        _ => malformed().with_source(error),
    }
}

fn malformed() -> Error {
    Error::new(
        CommonCode::TokenMalformed,
        "The bearer token is not a token of ours.",
    )
}

fn invalid(message: &'static str) -> Error {
    Error::new(CommonCode::TokenInvalid, message)
}
