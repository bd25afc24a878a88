//! Secrets that we hand out and only keep a hash of: refresh tokens, e-mail
//! verification tokens, client secrets.
//!
//! 256 random bits need no slow hash: SHA-256 can't be searched. The prefix tells
//! people and secret scanners what they found.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What a secret is for; part of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Refresh token of a session.
    Refresh,
    /// Proof that an e-mail address is reached.
    EmailVerification,
    /// Secret of a service account.
    ClientSecret,
}

impl Kind {
    /// Text before the random part.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "srt_",
            Self::EmailVerification => "sev_",
            Self::ClientSecret => "scs_",
        }
    }
}

/// A secret in the clear, on its way to its owner. `Debug` hides it.
pub struct Secret(Zeroizing<String>);

/// SHA-256 of a secret as 64 hex digits: what the database keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash(String);

impl Secret {
    /// A new one from the operating system's randomness.
    #[must_use]
    pub fn generate(kind: Kind) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        Self::from_bytes(kind, &bytes)
    }

    fn from_bytes(kind: Kind, bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(format!(
            "{}{}",
            kind.prefix(),
            URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// What the database keeps.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        hash_of(&self.0)
    }

    /// The secret itself, for its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl SecretHash {
    /// Hash of a presented secret; nothing when it has not the shape of one, so
    /// that junk costs no database query.
    #[must_use]
    pub fn of_presented(kind: Kind, text: &str) -> Option<Self> {
        let random = text.strip_prefix(kind.prefix())?;
        let mut bytes = Zeroizing::new([0_u8; 33]);
        let length = URL_SAFE_NO_PAD.decode_slice(random, bytes.as_mut()).ok()?;
        (length == 32).then(|| hash_of(text))
    }

    /// A hash read back from the database.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its time where the difference is.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

fn hash_of(text: &str) -> SecretHash {
    SecretHash(hex::encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_presented_secret_has_the_hash_of_the_generated_one() {
        for kind in [Kind::Refresh, Kind::EmailVerification, Kind::ClientSecret] {
            let secret = Secret::generate(kind);
            let presented = SecretHash::of_presented(kind, secret.expose()).unwrap();
            assert!(presented.matches(&secret.hash()));
        }
    }

    #[test]
    fn a_secret_of_another_kind_is_none() {
        let secret = Secret::generate(Kind::Refresh);
        assert_eq!(
            SecretHash::of_presented(Kind::ClientSecret, secret.expose()),
            None
        );
    }

    #[test]
    fn secrets_never_repeat_and_never_show() {
        let all: HashSet<_> = (0..200)
            .map(|_| Secret::generate(Kind::Refresh).expose().to_owned())
            .collect();
        assert_eq!(all.len(), 200);
        let secret = Secret::generate(Kind::Refresh);
        assert!(!format!("{secret:?}").contains(&secret.expose()[4..]));
    }

    #[test]
    fn truncated_or_padded_secrets_are_none() {
        let secret = Secret::generate(Kind::Refresh);
        let text = secret.expose();
        for bad in [
            &text[..text.len() - 1],
            &text[1..],
            "",
            "srt_",
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert_eq!(
                SecretHash::of_presented(Kind::Refresh, bad),
                None,
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "(srt_)?\\PC{0,80}") {
            let _hash = SecretHash::of_presented(Kind::Refresh, &text);
        }
    }
}
