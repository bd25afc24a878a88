//! Argon2id: what a computation costs, and whether a stored hash is due for
//! another. Every call here burns CPU; callers run it on the bounded pool.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
};

use super::password::Password;

/// Computes and checks PHC strings (`$argon2id$v=19$m=…`).
#[derive(Clone, Debug)]
pub struct Hasher {
    params: Params,
}

/// A computation failed, for a reason that is not the password.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HashError {
    /// The settings are out of Argon2's bounds.
    #[error("the settings of the password hash are out of bounds: {0}")]
    Params(argon2::Error),
    /// The library failed, e.g. for want of memory.
    #[error("a password hash could not be computed: {0}")]
    Compute(argon2::password_hash::Error),
    /// The database has something else where a hash should be.
    #[error("a stored password hash is damaged")]
    Damaged,
}

impl Hasher {
    /// A hasher of that cost.
    ///
    /// # Errors
    /// [`HashError::Params`].
    pub fn new(memory_kib: u32, iterations: u32, lanes: u32) -> Result<Self, HashError> {
        let params = Params::new(memory_kib, iterations, lanes, None).map_err(HashError::Params)?;
        Ok(Self { params })
    }

    /// Hashes with a new salt.
    ///
    /// # Errors
    /// [`HashError::Compute`].
    pub fn hash(&self, password: &Password) -> Result<String, HashError> {
        let salt: [u8; 16] = rand::random();
        self.argon2()
            .hash_password_with_salt(password.expose().as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(HashError::Compute)
    }

    /// Whether the stored hash is of this password. Costs what the hash was made
    /// with.
    ///
    /// # Errors
    /// [`HashError`] when the stored hash is none, or the library fails.
    pub fn verify(&self, password: &Password, stored: &str) -> Result<bool, HashError> {
        let stored = PasswordHash::new(stored).map_err(|_| HashError::Damaged)?;
        match self
            .argon2()
            .verify_password(password.expose().as_bytes(), &stored)
        {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(HashError::Compute(error)),
        }
    }

    /// Whether a stored hash was made at another cost, or another way.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        let Ok(stored) = PasswordHash::new(stored) else {
            return true;
        };
        let Ok(params) = Params::try_from(&stored) else {
            return true;
        };
        let same_cost = (params.m_cost(), params.t_cost(), params.p_cost())
            == (
                self.params.m_cost(),
                self.params.t_cost(),
                self.params.p_cost(),
            );
        let same_way = stored.algorithm == Algorithm::Argon2id.ident()
            && stored.version == Some(Version::V0x13.into());
        !(same_cost && same_way)
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn password(text: &str) -> Password {
        Password::typed(text.to_owned())
    }

    #[test]
    fn a_hash_verifies_its_password_only() {
        let hasher = Hasher::new(64, 1, 1).unwrap();
        let stored = hasher.hash(&password("correct horse")).unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"),
            "{stored}"
        );
        assert!(hasher.verify(&password("correct horse"), &stored).unwrap());
        assert!(!hasher.verify(&password("correct horsf"), &stored).unwrap());
    }

    #[test]
    fn the_same_password_never_has_the_same_hash() {
        let hasher = Hasher::new(64, 1, 1).unwrap();
        let (a, b) = (
            hasher.hash(&password("x")).unwrap(),
            hasher.hash(&password("x")).unwrap(),
        );
        assert_ne!(a, b);
    }

    #[test]
    fn hashes_of_another_cost_verify_but_are_outdated() {
        let (old, new) = (
            Hasher::new(64, 1, 1).unwrap(),
            Hasher::new(128, 2, 1).unwrap(),
        );
        let stored = old.hash(&password("x")).unwrap();
        assert!(new.verify(&password("x"), &stored).unwrap());
        assert!(new.is_outdated(&stored));
        assert!(!old.is_outdated(&stored));
        assert!(new.is_outdated("$2b$12$whatever"));
    }

    #[test]
    fn a_damaged_hash_is_an_error_not_a_wrong_password() {
        let hasher = Hasher::new(64, 1, 1).unwrap();
        assert!(hasher.verify(&password("x"), "no hash").is_err());
    }

    #[test]
    fn costs_out_of_bounds_are_refused() {
        assert!(Hasher::new(1, 1, 1).is_err());
        assert!(Hasher::new(64, 0, 1).is_err());
    }
}
