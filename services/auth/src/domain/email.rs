//! E-mail addresses, normalised so that one mailbox is one account.

use std::fmt;

use url::Host;

/// A checked address: trimmed, lower-case, the domain in its ASCII (IDNA) form.
///
/// `Debug` hides it, because addresses don't belong into logs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// Longest address that SMTP can carry (RFC 5321, 4.5.3.1.3 less the brackets).
pub const MAX_LENGTH: usize = 254;
const MAX_LOCAL_LENGTH: usize = 64;

/// Why a text is no address. The message is fit for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing but space.
    #[error("must not be empty")]
    Empty,
    /// Over [`MAX_LENGTH`] characters, or a local part over 64.
    #[error("must have at most 254 characters, and at most 64 before the @")]
    TooLong,
    /// No `@`, or nothing on one side of it.
    #[error("must look like name@example.com")]
    Shape,
    /// The part before the `@` has characters that we don't accept.
    #[error(
        "the part before the @ may have letters, digits and !#$%&'*+/=?^_`{{|}}~-, and single dots inside"
    )]
    LocalPart,
    /// The part after the `@` is no domain name.
    #[error("the part after the @ must be a domain name such as example.com")]
    Domain,
}

impl Email {
    /// Checks and normalises.
    ///
    /// The local part is lower-cased too: RFC 5321 lets hosts tell `Ada` from
    /// `ada`, none in use does, and two accounts for one mailbox would be a trap.
    /// Quoted local parts, address literals and SMTPUTF8 local parts are refused.
    ///
    /// # Errors
    /// [`EmailError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EmailError::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Shape)?;
        if local.is_empty() || domain.is_empty() {
            return Err(EmailError::Shape);
        }
        if local.len() > MAX_LOCAL_LENGTH {
            return Err(EmailError::TooLong);
        }
        if !is_dot_atom(local) {
            return Err(EmailError::LocalPart);
        }
        let domain = normal_domain(domain)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        if address.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        Ok(Self(address))
    }

    /// An address read back from the database, where only normalised ones are.
    #[must_use]
    pub fn from_stored(address: String) -> Self {
        Self(address)
    }

    /// The normalised address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    })
}

fn normal_domain(domain: &str) -> Result<String, EmailError> {
    // `Host::parse` does IDNA and lower-cases; it also percent-decodes, which an
    // address must not.
    if domain.contains('%') {
        return Err(EmailError::Domain);
    }
    let Ok(Host::Domain(domain)) = Host::parse(domain) else {
        return Err(EmailError::Domain);
    };
    let labels_are_fine = domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    if labels_are_fine && domain.contains('.') {
        Ok(domain)
    } else {
        Err(EmailError::Domain)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_cased() {
        assert_eq!(
            Email::parse("  Ada.Lovelace+Shoal@Example.COM\n")
                .unwrap()
                .as_str(),
            "ada.lovelace+shoal@example.com"
        );
    }

    #[test]
    fn international_domains_become_ascii() {
        assert_eq!(
            Email::parse("a@BÜCHER.example").unwrap().as_str(),
            "a@xn--bcher-kva.example"
        );
    }

    #[test]
    fn bad_addresses_are_refused_with_the_part_that_is_wrong() {
        for (text, error) in [
            ("", EmailError::Empty),
            ("   ", EmailError::Empty),
            ("ada", EmailError::Shape),
            ("@example.com", EmailError::Shape),
            ("ada@", EmailError::Shape),
            ("a@b@example.com", EmailError::LocalPart),
            ("a..b@example.com", EmailError::LocalPart),
            (".a@example.com", EmailError::LocalPart),
            ("a b@example.com", EmailError::LocalPart),
            ("a\u{0}@example.com", EmailError::LocalPart),
            ("ädä@example.com", EmailError::LocalPart),
            ("a@localhost", EmailError::Domain),
            ("a@127.0.0.1", EmailError::Domain),
            ("a@[::1]", EmailError::Domain),
            ("a@-x.com", EmailError::Domain),
            ("a@x_y.com", EmailError::Domain),
            ("a@exa%6dple.com", EmailError::Domain),
            ("a@example..com", EmailError::Domain),
            ("a@example.com.", EmailError::Domain),
            ("a@exam\r\nple.com", EmailError::Domain),
        ] {
            assert_eq!(Email::parse(text), Err(error), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert_eq!(Email::parse(&long), Err(EmailError::TooLong));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}@\\PC{0,40}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
            }
        }

        #[test]
        fn accepted_addresses_are_plain_lower_case_ascii(text in "[ -~]{1,30}@[a-zA-Z0-9.-]{1,30}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
            }
        }
    }
}
