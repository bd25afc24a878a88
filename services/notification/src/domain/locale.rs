//! Languages: a small part of BCP 47, and in which order texts are looked for.

use std::fmt;

/// The language that every built-in template has.
pub(crate) const DEFAULT: &str = "en";

/// A tag such as `de` or `de-AT`: language, optionally a script or region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Locale(String);

impl Locale {
    /// Reads and normalises a tag (`DE-at` → `de-AT`).
    ///
    /// # Errors
    /// Says what a tag looks like.
    pub(crate) fn parse(text: &str) -> Result<Self, BadLocale> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        if !(2..=3).contains(&language.len()) || !alphabetic(language) {
            return Err(BadLocale);
        }
        let mut tag = language.to_ascii_lowercase();
        for part in parts {
            let normal = match part.len() {
                2 if alphabetic(part) => part.to_ascii_uppercase(),
                3 if part.bytes().all(|b| b.is_ascii_digit()) => part.to_owned(),
                4 if alphabetic(part) => {
                    let (first, rest) = part.split_at(1);
                    first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
                }
                _ => return Err(BadLocale),
            };
            tag.push('-');
            tag.push_str(&normal);
        }
        if tag.len() > 12 {
            Err(BadLocale)
        } else {
            Ok(Self(tag))
        }
    }

    /// The tag.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where to look for a text: the tag, then with its end cut off, then the
    /// default; each once.
    #[must_use]
    pub(crate) fn fallbacks(&self) -> Vec<&str> {
        let mut chain = vec![self.as_str()];
        while let Some((shorter, _)) = chain.last().and_then(|tag| tag.rsplit_once('-')) {
            chain.push(shorter);
        }
        if !chain.contains(&DEFAULT) {
            chain.push(DEFAULT);
        }
        chain
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

/// Not a tag that is understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadLocale;

impl fmt::Display for BadLocale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a language tag such as `en` or `de-AT`")
    }
}

fn alphabetic(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_tag_is_normalised() {
        for (text, tag) in [
            ("EN", "en"),
            ("de-at", "de-AT"),
            ("zh-hANS-cn", "zh-Hans-CN"),
        ] {
            assert_eq!(Locale::parse(text).unwrap().as_str(), tag);
        }
        for text in [
            "",
            "e",
            "english",
            "de_AT",
            "de-",
            "-de",
            "d1",
            "de-AT-AT-AT-AT",
        ] {
            assert_eq!(Locale::parse(text), Err(BadLocale), "{text}");
        }
    }

    #[test]
    fn texts_are_looked_for_from_the_special_to_the_default() {
        assert_eq!(
            Locale::parse("de-AT").unwrap().fallbacks(),
            ["de-AT", "de", "en"]
        );
        assert_eq!(Locale::parse("en-GB").unwrap().fallbacks(), ["en-GB", "en"]);
        assert_eq!(Locale::default().fallbacks(), ["en"]);
    }
}
