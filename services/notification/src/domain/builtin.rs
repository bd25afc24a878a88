//! Templates that come with the service, so that it speaks from its first
//! start. They live in `templates/*.toml`, one file per template.
//!
//! A newer text in a newer release becomes a new version and is published only
//! where a built-in version was: what an admin published stays.

use serde::Deserialize;
use serde_json::Value;
use shoal_error::{Error, Result};

use super::channel::{Category, Channel};
use super::template::Source;

/// A built-in template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Builtin {
    /// Its name, that of the file.
    #[serde(skip)]
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) category: Category,
    /// When it is sent.
    pub(crate) description: String,
    /// Data with which it can be rendered.
    pub(crate) sample: Value,
    /// Its texts.
    pub(crate) texts: Vec<BuiltinText>,
}

/// One text of a built-in template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuiltinText {
    /// For which channel.
    pub(crate) channel: Channel,
    /// In which language.
    pub(crate) locale: String,
    /// Subject or title.
    pub(crate) subject: String,
    /// Plain text.
    pub(crate) text: String,
    /// HTML, for mails.
    #[serde(default)]
    pub(crate) html: String,
    /// Path in the application, for inbox items.
    #[serde(default)]
    pub(crate) link: String,
}

impl BuiltinText {
    /// The parts to be rendered.
    #[must_use]
    pub(crate) fn source(&self) -> Source {
        Source {
            subject: self.subject.clone(),
            text: self.text.clone(),
            html: self.html.clone(),
            link: self.link.clone(),
        }
    }
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name, ".toml")))),+]
    };
}

const FILES: &[(&str, &str)] = builtin![
    "order_cancelled",
    "order_confirmed",
    "order_fulfilled",
    "order_rejected",
    "password_changed",
    "payment_refunded",
    "refresh_reuse_detected",
    "user_registered",
    "verification_requested",
    "webhook_endpoint_disabled",
];

/// All built-in templates.
///
/// # Errors
/// When a file of the release does not parse, which a test rules out.
pub(crate) fn all() -> Result<Vec<Builtin>> {
    FILES
        .iter()
        .map(|(name, text)| {
            let mut builtin: Builtin = toml::from_str(text).map_err(Error::internal)?;
            builtin.name = name;
            Ok(builtin)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::domain::locale::DEFAULT;
    use crate::domain::template::Engine;

    #[test]
    fn every_built_in_text_renders_with_its_sample() {
        let engine = Engine::new("https://shop.example").unwrap();
        for builtin in all().unwrap() {
            for text in &builtin.texts {
                let rendered = engine
                    .render(&text.source(), &builtin.sample)
                    .unwrap_or_else(|error| panic!("{} {}: {error:?}", builtin.name, text.locale));
                assert!(!rendered.subject.is_empty() && !rendered.text.is_empty());
                assert_eq!(rendered.html.is_empty(), text.channel == Channel::Inbox);
            }
        }
    }

    #[test]
    fn every_built_in_template_speaks_the_default_language_on_every_channel() {
        for builtin in all().unwrap() {
            for channel in Channel::TEMPLATED {
                assert!(
                    builtin
                        .texts
                        .iter()
                        .any(|t| t.channel == channel && t.locale == DEFAULT),
                    "{} lacks {}",
                    builtin.name,
                    channel.as_str()
                );
            }
        }
    }
}
