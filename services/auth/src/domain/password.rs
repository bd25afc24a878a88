//! What a new password must fulfil, and a type that can't leak it.

use std::fmt;

use zeroize::Zeroizing;

use super::common_passwords::COMMON;
use super::email::Email;

/// Fewest characters of a new password (NIST SP 800-63B).
pub const MIN_CHARS: usize = 8;
/// Most characters of a new password: bounds the work of hashing.
pub const MAX_CHARS: usize = 128;

/// A password as typed. Wiped from memory when dropped; `Debug` hides it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password can't be chosen. The message is fit for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Under [`MIN_CHARS`].
    #[error("must have at least 8 characters")]
    TooShort,
    /// Over [`MAX_CHARS`].
    #[error("must have at most 128 characters")]
    TooLong,
    /// On the list of the most common passwords.
    #[error("is one of the most common passwords; choose another")]
    Common,
    /// Equal to the e-mail address or its first part.
    #[error("must not be the e-mail address or a part of it")]
    IsEmail,
    /// One character over and over.
    #[error("must not repeat a single character")]
    Repeated,
}

impl Password {
    /// Takes a password as typed, to be compared with a stored hash.
    #[must_use]
    pub fn typed(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Checks a password that someone wants to use from now on. `email` is the
    /// account's address.
    ///
    /// Length and a deny list, no rules about kinds of characters: those make
    /// people predictable, not passwords strong (NIST SP 800-63B, 3.1.1.2).
    ///
    /// # Errors
    /// [`PasswordError`] says which rule is broken.
    pub fn check_new(&self, email: Option<&Email>) -> Result<(), PasswordError> {
        let text = self.expose();
        let chars = text.chars().count();
        if chars < MIN_CHARS {
            return Err(PasswordError::TooShort);
        }
        if chars > MAX_CHARS {
            return Err(PasswordError::TooLong);
        }
        let lower = Zeroizing::new(text.to_lowercase());
        if COMMON.binary_search(&lower.as_str()).is_ok() {
            return Err(PasswordError::Common);
        }
        if is_one_character(text) {
            return Err(PasswordError::Repeated);
        }
        let is_email =
            email.is_some_and(|e| lower.as_str() == e.as_str() || lower.as_str() == e.local_part());
        if is_email {
            Err(PasswordError::IsEmail)
        } else {
            Ok(())
        }
    }

    /// The text, for the hash function alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

fn is_one_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| chars.all(|c| c == first))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<(), PasswordError> {
        let email = Email::parse("grace.hopper@example.com").unwrap();
        Password::typed(text.to_owned()).check_new(Some(&email))
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(check("ünïcödé"), Err(PasswordError::TooShort));
        assert_eq!(check("ünïcödéß"), Ok(()));
        assert_eq!(check(&"xy".repeat(64)), Ok(()));
        assert_eq!(
            check(&format!("{}z", "xy".repeat(64))),
            Err(PasswordError::TooLong)
        );
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        assert_eq!(check("password1"), Err(PasswordError::Common));
        assert_eq!(check("PassWord1"), Err(PasswordError::Common));
        assert_eq!(check("correct horse battery staple"), Ok(()));
    }

    #[test]
    fn the_address_and_one_repeated_character_are_refused() {
        assert_eq!(
            check("Grace.Hopper@example.com"),
            Err(PasswordError::IsEmail)
        );
        assert_eq!(check("grace.hopper"), Err(PasswordError::IsEmail));
        assert_eq!(check("~~~~~~~~~~"), Err(PasswordError::Repeated));
    }

    #[test]
    fn every_entry_of_the_deny_list_is_found() {
        assert!(COMMON.is_sorted());
        for entry in COMMON {
            assert!(
                entry.chars().count() >= MIN_CHARS,
                "{entry} is refused by length already"
            );
            assert_eq!(check(entry), Err(PasswordError::Common), "{entry}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        assert!(!format!("{:?}", Password::typed("hunter2!".into())).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_text_gets_a_verdict(text in "\\PC{0,200}") {
            let _verdict = check(&text);
        }
    }
}
