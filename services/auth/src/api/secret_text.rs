//! Reading a secret from JSON without ever repeating it: serde's own message
//! for a value of the wrong type has the value in it, and would carry a password
//! that was sent as a number into the answer and the log.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use shoal_telemetry::Redacted;

/// For `#[serde(deserialize_with = "secret_text")]`.
pub(super) fn secret_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Redacted<String>, D::Error> {
    // Asked for a string, the deserializer would refuse a number by itself, and
    // name it; asked for anything, it leaves the refusal to the visitor.
    deserializer.deserialize_any(SecretVisitor)
}

struct SecretVisitor;

const EXPECTED: &str = "must be a text";

impl Visitor<'_> for SecretVisitor {
    type Value = Redacted<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Redacted::new(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Redacted::new(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(deserialize_with = "secret_text")]
        password: Redacted<String>,
    }

    #[test]
    fn a_text_is_read() {
        let body: Body = serde_json::from_str(r#"{"password":"a\u0062c"}"#).unwrap();
        assert_eq!(body.password.expose(), "abc");
    }

    #[test]
    fn a_value_of_another_type_is_refused_without_being_repeated() {
        for value in [
            "12345678",
            "-12345678",
            "1234.5678",
            "true",
            "null",
            "[1]",
            "{\"a\":1}",
        ] {
            let text = format!("{{\"password\":{value}}}");
            let Err(error) = serde_json::from_str::<Body>(&text) else {
                panic!("{value}")
            };
            assert!(!error.to_string().contains("1234"), "{error}");
        }
    }
}
