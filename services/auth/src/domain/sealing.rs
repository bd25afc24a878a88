//! Signing keys at rest: sealed with a key-encryption key that is not in the
//! database, so that a copy of the database signs nothing.
//!
//! XChaCha20-Poly1305, whose nonces are long enough to be drawn at random. The
//! key's id is authenticated along, so that a row can't stand in for another.
//! Rejected: AES-GCM (random 96-bit nonces need a counter of uses), and sealing
//! the whole database (its backups are handled by more people than its key is).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const VERSION: &str = "v1";

/// 256 bits that seal other keys. `Debug` hides it.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

/// Why a sealed key can't be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not 32 bytes in base64.
    #[error(
        "a key-encryption key is 32 bytes in base64, for example from `openssl rand -base64 32`"
    )]
    BadKey,
    /// The value was not made by [`SealingKey::seal`].
    #[error("the sealed value is damaged")]
    Damaged,
    /// Another key sealed it.
    #[error("it was sealed with the key-encryption key {sealed_with}, not with {given}")]
    OtherKey {
        /// Fingerprint of the key that is needed.
        sealed_with: String,
        /// Fingerprint of the key that is set.
        given: String,
    },
    /// The value, or the name that it is stored under, was altered.
    #[error("the sealed value was altered")]
    Altered,
}

impl SealingKey {
    /// A new one from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// Reads 32 bytes in base64.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| SealError::BadKey)?,
        );
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::BadKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The key in base64, to be kept in a file.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Tells keys apart without telling anything about them: 8 hex digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"shoal key-encryption key fingerprint");
        hash.update(self.0.as_slice());
        hex::encode(&hash.finalize()[..4])
    }

    /// Seals `secret`, to be opened only under the same `name`:
    /// `v1.<fingerprint>.<nonce>.<ciphertext>`.
    ///
    /// # Errors
    /// [`SealError::Damaged`] when the cipher refuses the input, which it does for
    /// inputs of many gigabytes.
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<String, SealError> {
        let nonce: [u8; 24] = rand::random();
        let sealed = self
            .cipher()
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: secret,
                    aad: name.as_bytes(),
                },
            )
            .map_err(|_| SealError::Damaged)?;
        Ok(format!(
            "{VERSION}.{}.{}.{}",
            self.fingerprint(),
            URL_SAFE_NO_PAD.encode(nonce),
            URL_SAFE_NO_PAD.encode(sealed)
        ))
    }

    /// Opens what [`Self::seal`] made under the same `name`.
    ///
    /// # Errors
    /// [`SealError`] says what is wrong.
    pub fn open(&self, name: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(fingerprint), Some(nonce), Some(sealed), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(SealError::Damaged);
        };
        let given = self.fingerprint();
        if fingerprint != given {
            return Err(SealError::OtherKey {
                sealed_with: fingerprint.to_owned(),
                given,
            });
        }
        let nonce: [u8; 24] = decode(nonce)?.try_into().map_err(|_| SealError::Damaged)?;
        self.cipher()
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &decode(sealed)?,
                    aad: name.as_bytes(),
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| SealError::Altered)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.fingerprint())
    }
}

fn decode(text: &str) -> Result<Vec<u8>, SealError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Damaged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_sealed_opens_under_the_same_name_only() {
        let key = SealingKey::generate();
        let sealed = key.seal("key_1", b"secret").unwrap();
        assert_eq!(key.open("key_1", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(key.open("key_2", &sealed), Err(SealError::Altered));
    }

    #[test]
    fn another_key_is_named_by_its_fingerprint() {
        let (one, other) = (SealingKey::generate(), SealingKey::generate());
        let sealed = one.seal("key_1", b"secret").unwrap();
        let error = other.open("key_1", &sealed).unwrap_err();
        assert_eq!(
            error,
            SealError::OtherKey {
                sealed_with: one.fingerprint(),
                given: other.fingerprint()
            }
        );
    }

    #[test]
    fn keys_survive_base64_and_bad_ones_are_refused() {
        let key = SealingKey::generate();
        let again = SealingKey::from_base64(&format!("{}\n", *key.to_base64())).unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        for bad in ["", "abc", "AAAA", &"A".repeat(88)] {
            assert_eq!(SealingKey::from_base64(bad).unwrap_err(), SealError::BadKey);
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let key = SealingKey::generate();
        assert_ne!(
            key.seal("k", b"secret").unwrap(),
            key.seal("k", b"secret").unwrap()
        );
    }

    proptest! {
        #[test]
        fn any_change_of_the_sealed_text_is_noticed(position in 0_usize..1_000, replacement in "[A-Za-z0-9_.-]") {
            let key = SealingKey(Zeroizing::new([7; 32]));
            let sealed = key.seal("key_1", b"0123456789abcdef0123456789abcdef").unwrap();
            let at = position % sealed.len();
            let mut altered = sealed.clone();
            altered.replace_range(at..=at, &replacement);
            if altered != sealed {
                prop_assert!(key.open("key_1", &altered).is_err());
            }
        }
    }
}
