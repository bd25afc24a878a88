//! What is said when a setting is wrong: one sentence.

use std::fmt;

/// A setting that cannot be used. Displays as one sentence that names the key,
/// where its value came from and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    key: String,
    problem: String,
    origin: Option<String>,
    allowed: Option<String>,
}

impl ConfigFault {
    /// A fault of the setting `key` (`saga.max_retries`).
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
            origin: None,
            allowed: None,
        }
    }

    /// Says where the value came from.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin.get_or_insert(origin.into());
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn with_allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// The setting's key; empty when no single setting is at fault.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str("the settings")?;
        } else {
            write!(f, "the setting `{}`", self.key)?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " from {origin}")?;
        }
        write!(f, " cannot be used: {}", self.problem)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed is {allowed}")?;
        }
        f.write_str(".")
    }
}

impl std::error::Error for ConfigFault {}
