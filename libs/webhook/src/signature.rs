//! Signatures: how a receiver knows that a call came from us, unchanged and
//! recently.
//!
//! `Shoal-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`, where each `v1` is
//! HMAC-SHA256 over `<t>.<Shoal-Event-Id>.<body>` with the endpoint's secret as
//! it was shown (the whole `whsec_…` string is the key, so that a shell with
//! `openssl dgst -sha256 -hmac "$SECRET"` can check it). The event id is signed
//! too, since receivers use it to drop repeats. While a secret is being rotated
//! there is one `v1` for each live secret.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Header with the signature.
pub const SIGNATURE_HEADER: &str = "shoal-signature";
/// Header with the event's id, the same in every repeat of a delivery.
pub const EVENT_ID_HEADER: &str = "shoal-event-id";
/// Header with the event's type.
pub const EVENT_TYPE_HEADER: &str = "shoal-event-type";
/// How far a signature's time may lie from the receiver's clock.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// At most two secrets live at once; a header with more is an attempt to make
/// the receiver compute.
const MAX_CANDIDATES: usize = 4;

/// The key that an endpoint shares with its receiver.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// A fresh secret with 256 random bits from the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> shoal_error::Result<Self> {
        let mut bytes = [0_u8; 32];
        rand::rngs::SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(shoal_error::Error::internal)?;
        let secret = Self(format!("whsec_{}", hex::encode(bytes)));
        bytes.zeroize();
        Ok(secret)
    }

    /// Takes a secret as the endpoint's owner keeps it.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; show it once, keep it out of logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The value of [`SIGNATURE_HEADER`] for a body sent at `unix_seconds`.
#[must_use]
pub fn sign(secrets: &[Secret], unix_seconds: i64, event_id: &str, body: &[u8]) -> String {
    let mut header = format!("t={unix_seconds}");
    for secret in secrets {
        let tag = mac(secret, unix_seconds, event_id, body).finalize();
        header.push_str(",v1=");
        header.push_str(&hex::encode(tag.into_bytes()));
    }
    header
}

/// Why a receiver should refuse a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header isn't of the form `t=…,v1=…`.
    #[error("the Shoal-Signature header is malformed")]
    Malformed,
    /// The time lies outside the tolerance: a replay, or a wrong clock.
    #[error("the signature's time is outside the tolerance")]
    Expired,
    /// No `v1` fits any of the secrets.
    #[error("no signature matches")]
    Mismatch,
}

/// Checks a received call in constant time with regard to the signature.
///
/// `secrets` are those that the receiver accepts (two during its own rotation),
/// `now_unix_seconds` is its clock.
///
/// # Errors
/// See [`VerifyError`]; answer 400 or 401 and don't act on the body.
pub fn verify(
    secrets: &[Secret],
    header: &str,
    event_id: &str,
    body: &[u8],
    now_unix_seconds: i64,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let (time, candidates) = parse(header)?;
    if now_unix_seconds.abs_diff(time) > tolerance.as_secs() {
        return Err(VerifyError::Expired);
    }
    let fits = secrets.iter().any(|secret| {
        candidates.iter().any(|candidate| {
            mac(secret, time, event_id, body)
                .verify_slice(candidate)
                .is_ok()
        })
    });
    if fits {
        Ok(())
    } else {
        Err(VerifyError::Mismatch)
    }
}

fn mac(secret: &Secret, unix_seconds: i64, event_id: &str, body: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).expect("any key length is fine");
    mac.update(format!("{unix_seconds}.{event_id}.").as_bytes());
    mac.update(body);
    mac
}

fn parse(header: &str) -> Result<(i64, Vec<[u8; 32]>), VerifyError> {
    let mut time = None;
    let mut candidates = Vec::new();
    for part in header.split(',') {
        let (key, value) = part.trim().split_once('=').ok_or(VerifyError::Malformed)?;
        match key {
            "t" if time.is_none() => {
                time = Some(value.parse().map_err(|_| VerifyError::Malformed)?);
            }
            "v1" if candidates.len() < MAX_CANDIDATES => {
                let mut tag = [0_u8; 32];
                hex::decode_to_slice(value, &mut tag).map_err(|_| VerifyError::Malformed)?;
                candidates.push(tag);
            }
            "t" | "v1" => return Err(VerifyError::Malformed),
            // Later versions may stand beside v1; an older receiver passes over them.
            _ => {}
        }
    }
    match time {
        Some(time) if !candidates.is_empty() => Ok((time, candidates)),
        _ => Err(VerifyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text)
    }

    #[test]
    fn a_known_signature_matches_what_openssl_computes() {
        // printf '%s' '1700000000.evt_1.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        let header = sign(
            &[secret("whsec_test")],
            1_700_000_000,
            "evt_1",
            br#"{"a":1}"#,
        );
        assert_eq!(
            header,
            "t=1700000000,v1=9e8fde23fe2d3dc80c08243457386312c0969420543885a80a6cfd7115acf166"
        );
    }

    #[test]
    fn during_rotation_either_secret_verifies() {
        let (old, new) = (secret("old"), secret("new"));
        let header = sign(&[new.clone(), old.clone()], 100, "evt", b"body");
        for known in [old, new] {
            verify(&[known], &header, "evt", b"body", 100, DEFAULT_TOLERANCE).unwrap();
        }
        assert_eq!(
            verify(
                &[secret("third")],
                &header,
                "evt",
                b"body",
                100,
                DEFAULT_TOLERANCE
            ),
            Err(VerifyError::Mismatch)
        );
    }

    #[test]
    fn a_signature_expires_on_both_sides_of_the_clock() {
        let key = [secret("k")];
        let header = sign(&key, 1_000, "evt", b"x");
        let at = |now| verify(&key, &header, "evt", b"x", now, Duration::from_secs(300));
        assert_eq!(at(1_300), Ok(()));
        assert_eq!(at(700), Ok(()));
        assert_eq!(at(1_301), Err(VerifyError::Expired));
        assert_eq!(at(699), Err(VerifyError::Expired));
        assert_eq!(at(i64::MIN), Err(VerifyError::Expired));
    }

    #[test]
    fn malformed_headers_are_told_from_wrong_ones() {
        let tag = "0".repeat(64);
        let many = format!("t=1{}", format!(",v1={tag}").repeat(MAX_CANDIDATES + 1));
        for header in [
            "",
            "t=1",
            "v1=00",
            "t=x,v1=00",
            "t=1,v1=zz",
            "t=1,t=2,v1=00",
            &many,
        ] {
            assert_eq!(
                verify(&[secret("k")], header, "evt", b"", 1, DEFAULT_TOLERANCE),
                Err(VerifyError::Malformed),
                "{header}"
            );
        }
    }

    #[test]
    fn a_secret_never_shows_itself_in_debug_output() {
        let secret = Secret::generate().unwrap();
        assert!(secret.expose().len() > 64);
        assert!(!format!("{secret:?}").contains(secret.expose()));
        assert_ne!(secret, Secret::generate().unwrap());
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_any_flipped_byte_does_not(
            key in ".{1,40}",
            id in "[a-z0-9_]{1,30}",
            body in proptest::collection::vec(any::<u8>(), 1..200),
            at in any::<usize>(),
            bit in 0_u8..8,
        ) {
            let keys = [secret(&key)];
            let header = sign(&keys, 50, &id, &body);
            prop_assert_eq!(verify(&keys, &header, &id, &body, 50, DEFAULT_TOLERANCE), Ok(()));
            let mut broken = body.clone();
            let index = at % broken.len();
            broken[index] ^= 1 << bit;
            prop_assert_eq!(
                verify(&keys, &header, &id, &broken, 50, DEFAULT_TOLERANCE),
                Err(VerifyError::Mismatch)
            );
        }

        #[test]
        fn no_header_makes_the_parser_panic(header in ".{0,200}") {
            let _ = verify(&[secret("k")], &header, "evt", b"", 0, DEFAULT_TOLERANCE);
        }
    }
}
