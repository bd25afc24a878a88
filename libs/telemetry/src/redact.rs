//! Values that must never be read in a log, a span or an error.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// What stands where a secret would.
pub const REDACTED: &str = "[redacted]";

/// A secret. `Debug`, `Display` and `Serialize` show [`REDACTED`]; the value is
/// reached only through [`Redacted::expose`], which a reviewer can search for,
/// and is wiped from memory when dropped.
#[derive(Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Redacted<T: Zeroize>(T);

impl<T: Zeroize> Redacted<T> {
    /// Hides `secret`.
    pub const fn new(secret: T) -> Self {
        Self(secret)
    }

    /// The secret itself. Never pass it to a logger.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Redacted<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Redacted<T> {
    fn from(secret: T) -> Self {
        Self::new(secret)
    }
}

impl<T: Zeroize> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Zeroize> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Zeroize> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Redacted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// Whether a field of this name must not be written, whatever its type: the
/// net under [`Redacted`] for a value that somebody logged as a plain string.
pub(crate) fn is_sensitive(field: &str) -> bool {
    const WORDS: [&str; 9] = [
        "password",
        "passwd",
        "secret",
        "authorization",
        "cookie",
        "token",
        "apikey",
        "card",
        "email",
    ];
    // `token_id`, `card_brand` and `email_id` name a thing without giving it away.
    const HARMLESS: [&str; 6] = ["id", "kind", "brand", "count", "ms", "type"];
    let last = field.rsplit('.').next().unwrap_or(field);
    let mut words = last.split(['_', '-']);
    let harmless = words
        .clone()
        .next_back()
        .is_some_and(|word| HARMLESS.contains(&word));
    !harmless && (words.any(|word| WORDS.contains(&word)) || last.contains("api_key"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_shows_in_no_rendering() {
        let secret = Redacted::new("hunter2".to_owned());
        let shown = format!(
            "{secret} {secret:?} {}",
            serde_json::to_string(&secret).unwrap()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_secret_is_read_from_settings() {
        let secret: Redacted<String> = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(secret.expose(), "s3cret");
    }

    #[test]
    fn names_of_secrets_are_recognised_and_names_about_secrets_are_not() {
        for name in [
            "password",
            "new_password",
            "user.email",
            "refresh_token",
            "card_number",
            "set-cookie",
            "api_key",
        ] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in [
            "order_id",
            "token_id",
            "cardinality",
            "discarded",
            "user.id",
            "email_id",
        ] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
