//! Where a user stands between 0 and 1.

use sha2::{Digest as _, Sha256};

/// A user's place in `0.0..1.0` under `salt`: the first 53 bits of SHA-256
/// (FIPS 180-4) over salt, a zero byte and the user's id, as a binary fraction.
///
/// The same on every machine, in every release and in every language
/// (`printf 'salt\0user' | sha256sum`), and with another salt unrelated. A
/// cryptographic hash because ids are chosen by outsiders and often differ in
/// their last digit only; it is paid once per rule that asks for a share.
#[must_use]
pub fn fraction(salt: &str, user: &str) -> f64 {
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update([0])
        .chain_update(user)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // 53 bits are what an f64 holds exactly.
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_user_is_the_one_that_sha256sum_gives() {
        // printf 'checkout\0usr_1' | sha256sum begins with 016167d279009bc4.
        let place = fraction("checkout", "usr_1");
        let expected = 0x0161_67d2_7900_9bc4_u64 as f64 / 2_f64.powi(64);
        assert!((place - expected).abs() < 1e-15, "{place} {expected}");
        assert_ne!(place.to_bits(), fraction("other", "usr_1").to_bits());
        // A salt cannot be continued by an id.
        assert_ne!(fraction("a", "b").to_bits(), fraction("ab", "").to_bits());
    }
}
