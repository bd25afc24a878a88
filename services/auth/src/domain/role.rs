//! Names of roles. Any well-formed name may be granted; services decide which
//! they ask for.

use std::fmt;

/// A checked role name: 2–32 of `a-z0-9_-`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(String);

/// May do everything, also grant roles.
pub const ADMIN: &str = "admin";
/// May ask whether tokens are active (RFC 7662).
pub const INTROSPECT: &str = "introspect";

/// The text is no role name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 2 to 32 characters of a-z, 0-9, _ and -, a letter first")]
pub struct RoleError;

impl Role {
    /// Checks a name.
    ///
    /// # Errors
    /// [`RoleError`] when it is not well-formed.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let well_formed = (2..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(RoleError)
        }
    }

    /// The role that may do everything.
    #[must_use]
    pub fn admin() -> Self {
        Self(ADMIN.to_owned())
    }

    /// Whether this is [`ADMIN`].
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0 == ADMIN
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_names_pass_and_others_are_refused() {
        for good in ["admin", "introspect", "a1", "order_clerk", "x-y"] {
            assert!(Role::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(33);
        for bad in [
            "",
            "a",
            "Admin",
            "1st",
            "-x",
            "a b",
            "rôle",
            "a,b",
            long.as_str(),
        ] {
            assert_eq!(Role::parse(bad), Err(RoleError), "{bad}");
        }
    }
}
