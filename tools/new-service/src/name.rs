//! What a module may be called.
//!
//! One word of letters and digits, since the name is at once a folder, a Rust path, a proto package, a part of event
//! types and error codes, a segment of URLs, a database schema and a prefix of environment variables: `-` is not allowed
//! in some of them and `_` is not wanted in others.

use crate::{Error, Result};

/// Longest name: PostgreSQL, DNS labels and metrics have room for more, people do not.
const MAX: usize = 24;

/// Words that mean something else where a module's name stands.
const RESERVED: &[&str] = &[
    // Paths that the gateway or the chassis answers itself.
    "debug", "docs", "health", "healthz", "livez", "metrics", "openapi", "readyz", "version",
    // Folders and packages beside those of modules.
    "all", "common", "events", "gateway", "google", "grpc", "shoal", "test", "tests", "up",
    // Keywords and names of Rust's own.
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue",
    "core", "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen",
    "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "pub", "ref", "return", "self", "static", "std", "struct", "super", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    // Names that the template's own code uses.
    "api", "config", "domain", "item", "items", "rpc", "state", "store", "usecases",
];

/// Checks a name by itself.
pub(crate) fn check(name: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::Refused(why));
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty()
        || !name.chars().all(letters)
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
    {
        let plain: String = name
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .skip_while(char::is_ascii_digit)
            .collect();
        let hint = if plain.is_empty() {
            String::new()
        } else {
            format!(", such as `{plain}`")
        };
        return refuse(format!(
            "`{name}` is no name for a module: use one word of lower-case letters and digits that begins with a letter{hint}"
        ));
    }
    if !(3..=MAX).contains(&name.len()) {
        return refuse(format!(
            "`{name}` has {} letters: use 3 to {MAX}",
            name.len()
        ));
    }
    if RESERVED.contains(&name) {
        return refuse(format!(
            "`{name}` means something else in paths or in code: use another word"
        ));
    }
    Ok(())
}

/// Checks a team, and gives it as CODEOWNERS writes it: `@shoal/order`.
pub(crate) fn team(text: &str) -> Result<String> {
    let name = text.strip_prefix("@shoal/").unwrap_or(text);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || !name.chars().all(fits)
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
    {
        return Err(Error::Refused(format!(
            "`{text}` is no team: name it as CODEOWNERS does, such as @shoal/order or order"
        )));
    }
    Ok(format!("@shoal/{name}"))
}

/// Checks the one sentence about a module; it goes into manifests, code and pages.
pub(crate) fn about(text: &str) -> Result<String> {
    let text = text.trim();
    let plain = !text
        .chars()
        .any(|c| c.is_control() || "\"\\{}`|<>".contains(c));
    if plain
        && (3..=90).contains(&text.chars().count())
        && text.ends_with('.')
        && !text.contains("*/")
    {
        return Ok(text.to_owned());
    }
    Err(Error::Refused("--about must be one sentence of 3 to 90 characters that ends with a full stop, without quotes, braces and other signs of code".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn plain_words_are_names() {
        for name in [
            "gift",
            "shipping",
            "geo2",
            "abc",
            "abcdefghijklmnopqrstuvwx",
        ] {
            assert!(check(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_nearest_that_is() {
        for (name, part) in [
            ("gift-cards", "`giftcards`"),
            ("gift_cards", "`giftcards`"),
            ("GiftCards", "`giftcards`"),
            ("2fast", "`fast`"),
            ("", "lower-case"),
            ("über", "`ber`"),
            ("../etc", "`etc`"),
            ("ab", "3 to 24"),
            ("abcdefghijklmnopqrstuvwxy", "3 to 24"),
            ("match", "something else"),
            ("docs", "something else"),
        ] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
    }

    #[test]
    fn teams_come_with_or_without_their_prefix() {
        assert_eq!(team("order").unwrap(), "@shoal/order");
        assert_eq!(team("@shoal/order-desk").unwrap(), "@shoal/order-desk");
        for wrong in ["", "@other/x", "a b", "Order"] {
            assert!(team(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sentence_is_plain_text() {
        assert_eq!(about(" Keeps gifts. ").unwrap(), "Keeps gifts.");
        for wrong in [
            "",
            "No stop",
            "Say \"hi\".",
            "Two\nlines.",
            "{{ name }}.",
            "x.",
        ] {
            assert!(about(wrong).is_err(), "{wrong}");
        }
    }
}
