//! A person with an account, as the other layers see it.

use super::email::Email;

/// State of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// May log in.
    Active,
    /// Refused by an administrator.
    Suspended,
}

impl Status {
    /// Name in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// A person with an account; without its password hash, which only the log-in
/// flow reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `usr_…`.
    pub id: String,
    /// Normalised address.
    pub email: Email,
    /// When the address was proved, Unix milliseconds.
    pub email_verified_at_ms: Option<i64>,
    /// Name to address the person by; may be empty.
    pub display_name: String,
    /// State of the account.
    pub status: Status,
    /// Role names, sorted.
    pub roles: Vec<String>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub updated_at_ms: i64,
}

/// Most characters of a display name.
pub const MAX_DISPLAY_NAME_CHARS: usize = 80;

/// The text is no display name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most 80 characters and none that control the display")]
pub struct DisplayNameError;

/// Trims a name and checks it: it will stand in e-mails and on screens.
///
/// # Errors
/// [`DisplayNameError`] when it is too long or has control characters or
/// characters that turn the direction of text.
pub fn display_name(text: &str) -> Result<String, DisplayNameError> {
    let text = text.trim();
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().count() <= MAX_DISPLAY_NAME_CHARS && text.chars().all(harmless) {
        Ok(text.to_owned())
    } else {
        Err(DisplayNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_are_trimmed_and_free_of_controls() {
        assert_eq!(
            display_name("  Ada Lovelace "),
            Ok("Ada Lovelace".to_owned())
        );
        assert_eq!(display_name(""), Ok(String::new()));
        let long = "x".repeat(81);
        for bad in ["a\u{0}b", "a\r\nBcc: x", "\u{202e}nimda", long.as_str()] {
            assert_eq!(display_name(bad), Err(DisplayNameError), "{bad:?}");
        }
    }

    #[test]
    fn status_names_round_trip() {
        for status in [Status::Active, Status::Suspended] {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("gone"), None);
    }
}
