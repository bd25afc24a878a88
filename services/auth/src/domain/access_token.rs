//! Access tokens: what is in them, how they are signed, and auth's own check.
//!
//! JWT with EdDSA (Ed25519), `typ: at+jwt` (RFC 9068). The check here is for
//! introspection, where auth looks at its own tokens; everyone else checks them
//! against the published keys with the chassis.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Value of the `typ` header.
pub const TOKEN_TYPE: &str = "at+jwt";

/// Payload of an access token. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// User (`usr_…`) or service account (`svc_…`).
    pub sub: String,
    /// Who may accept it.
    pub aud: String,
    /// Not valid from this time on.
    pub exp: i64,
    /// Issued at.
    pub iat: i64,
    /// Id of the token.
    pub jti: String,
    /// Role names, sorted.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Session (`ses_…`); not for service accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Service account that the token was given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// The secret half of a signing key. `Debug` shows only its id.
pub struct SigningKey {
    kid: String,
    seed: Zeroizing<[u8; 32]>,
    encoding: EncodingKey,
}

/// The public half: 32 bytes in base64url, as in a JWK's `x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(String);

/// A key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A stored key has not 32 bytes.
    #[error("a stored signing key is damaged")]
    Damaged,
    /// The library refused to sign.
    #[error("signing failed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The token is not one of ours, or not valid now. Deliberately says no more:
/// who presents it may learn nothing from the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct NotValid;

impl SigningKey {
    /// A new key named `kid`.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] never happens for fresh keys.
    pub fn generate(kid: String) -> Result<Self, KeyError> {
        let seed: [u8; 32] = rand::random();
        Self::from_seed(kid, &seed)
    }

    /// The key that has this seed.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when it has not 32 bytes.
    pub fn from_seed(kid: String, seed: &[u8]) -> Result<Self, KeyError> {
        let seed: Zeroizing<[u8; 32]> =
            Zeroizing::new(seed.try_into().map_err(|_| KeyError::Damaged)?);
        let der = ed25519_dalek::SigningKey::from_bytes(&seed)
            .to_pkcs8_der()
            .map_err(|_| KeyError::Damaged)?;
        let encoding = EncodingKey::from_ed_der(der.as_bytes());
        Ok(Self {
            kid,
            seed,
            encoding,
        })
    }

    /// Id in the token header.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What is sealed and stored.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The half that is published.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let key = ed25519_dalek::SigningKey::from_bytes(&self.seed).verifying_key();
        PublicKey(URL_SAFE_NO_PAD.encode(key.as_bytes()))
    }

    /// Signs.
    ///
    /// # Errors
    /// [`KeyError::Signing`] when the library refuses.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(KeyError::Signing)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl PublicKey {
    /// A key read back from the database.
    #[must_use]
    pub fn from_stored(x: String) -> Self {
        Self(x)
    }

    /// `x` of the JWK.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key that a token of ours names in its header; not proved yet.
///
/// # Errors
/// [`NotValid`] when it is not of our type and algorithm.
pub fn key_id(token: &str) -> Result<String, NotValid> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| NotValid)?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TOKEN_TYPE) {
        return Err(NotValid);
    }
    header.kid.ok_or(NotValid)
}

/// Checks a token of our own against the key that [`key_id`] names: signature,
/// issuer, audience and time.
///
/// # Errors
/// [`NotValid`], whatever is wrong.
pub fn verify(
    token: &str,
    key: &PublicKey,
    issuer: &str,
    audience: &str,
    now_ms: i64,
) -> Result<Claims, NotValid> {
    let key = DecodingKey::from_ed_components(key.as_str()).map_err(|_| NotValid)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library reads the system's clock; ours is injected.
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
    let claims = decoded.map_err(|_| NotValid)?.claims;
    if now_ms.div_euclid(1000) >= claims.exp {
        Err(NotValid)
    } else {
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "https://auth.test".into(),
            sub: "usr_1".into(),
            aud: "shoal".into(),
            exp: 1_000,
            iat: 100,
            jti: "tok_1".into(),
            roles: vec!["admin".into()],
            sid: Some("ses_1".into()),
            client_id: None,
        }
    }

    fn check(token: &str, public: &PublicKey, now_ms: i64) -> Result<Claims, NotValid> {
        if key_id(token)? != "key_1" {
            return Err(NotValid);
        }
        verify(token, public, "https://auth.test", "shoal", now_ms)
    }

    #[test]
    fn a_signed_token_verifies_until_it_expires() {
        let key = SigningKey::generate("key_1".into()).unwrap();
        let token = key.sign(&claims()).unwrap();
        assert_eq!(check(&token, &key.public(), 999_999), Ok(claims()));
        assert_eq!(check(&token, &key.public(), 1_000_000), Err(NotValid));
    }

    #[test]
    fn other_keys_issuers_audiences_and_ids_are_refused() {
        let key = SigningKey::generate("key_1".into()).unwrap();
        let other = SigningKey::generate("key_1".into()).unwrap();
        assert_eq!(
            check(&other.sign(&claims()).unwrap(), &key.public(), 0),
            Err(NotValid)
        );
        for wrong in [
            Claims {
                iss: "https://evil.test".into(),
                ..claims()
            },
            Claims {
                aud: "other".into(),
                ..claims()
            },
        ] {
            assert_eq!(
                check(&key.sign(&wrong).unwrap(), &key.public(), 0),
                Err(NotValid)
            );
        }
        let unknown = SigningKey::from_seed("key_2".into(), key.seed()).unwrap();
        assert_eq!(
            check(&unknown.sign(&claims()).unwrap(), &key.public(), 0),
            Err(NotValid)
        );
    }

    #[test]
    fn a_token_without_signature_or_of_another_algorithm_is_refused() {
        let key = SigningKey::generate("key_1".into()).unwrap();
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
        for header in [
            r#"{"alg":"none","typ":"at+jwt","kid":"key_1"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"key_1"}"#,
        ] {
            let token = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(check(&token, &key.public(), 0), Err(NotValid));
        }
        // The classic confusion: HMAC keyed with the public key.
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some(TOKEN_TYPE.into()), Some("key_1".into()));
        let secret = EncodingKey::from_secret(key.public().as_str().as_bytes());
        let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
        assert_eq!(check(&token, &key.public(), 0), Err(NotValid));
    }

    #[test]
    fn a_token_of_another_type_is_refused() {
        let key = SigningKey::generate("key_1".into()).unwrap();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("key_1".into());
        let token = jsonwebtoken::encode(&header, &claims(), &key.encoding).unwrap();
        assert_eq!(check(&token, &key.public(), 0), Err(NotValid));
    }

    #[test]
    fn debug_output_hides_the_seed() {
        let key = SigningKey::from_seed("key_1".into(), &[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(key_1)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_changed_character_is_noticed(position in 0_usize..10_000, replacement in "[A-Za-z0-9_-]") {
            let key = SigningKey::from_seed("key_1".into(), &[7; 32]).unwrap();
            let token = key.sign(&claims()).unwrap();
            let at = position % token.len();
            let mut altered = token.clone();
            altered.replace_range(at..=at, &replacement);
            if altered != token {
                prop_assert_eq!(check(&altered, &key.public(), 0), Err(NotValid));
            }
        }
    }
}
