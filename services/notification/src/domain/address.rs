//! E-mail addresses: they go to the mail server and nowhere else.

use std::fmt;

/// An address that does not show itself when printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

impl EmailAddress {
    /// Takes an address as auth gave it; the mail library checks it in full.
    #[must_use]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The address itself.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_printed() {
        let address = EmailAddress::new("ada.lovelace@example.com");
        assert_eq!(format!("{address:?}"), "EmailAddress(…)");
        assert_eq!(address.expose(), "ada.lovelace@example.com");
    }
}
