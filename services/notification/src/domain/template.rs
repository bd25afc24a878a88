//! Templates: checking and rendering their text.
//!
//! Undefined values are errors, so that a mistake shows in a preview and not as
//! a gap in somebody's mail. HTML parts escape what they print. Work and output
//! are bounded, since admins of one tenant should not be able to stop the rest.

use std::fmt::Write as _;
use std::io;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;
use shoal_error::{Error, Result};

use super::format;
use crate::codes::NotificationCode;

/// Longest source of one part, bytes.
pub(crate) const MAX_SOURCE: usize = 64 * 1_024;
/// Longest rendered part, bytes.
const MAX_OUTPUT: usize = 256 * 1_024;
/// Instructions that one part may take.
const FUEL: u64 = 200_000;
/// Longest subject, characters.
const MAX_SUBJECT: usize = 200;

/// Frame of HTML mails: `{% extends "layout.html" %}{% block body %}…`.
const LAYOUT: &str = include_str!("../../templates/layout.html");

/// The parts of one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Source {
    /// Subject of the mail, title of the inbox item.
    pub(crate) subject: String,
    /// Plain text.
    pub(crate) text: String,
    /// HTML of the mail; empty for none.
    pub(crate) html: String,
    /// Path inside the application, for inbox items; empty for none.
    pub(crate) link: String,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rendered {
    /// One line.
    pub(crate) subject: String,
    /// Plain text.
    pub(crate) text: String,
    /// HTML, or empty.
    pub(crate) html: String,
    /// Path, or empty.
    pub(crate) link: String,
}

/// Renders templates with the platform's filters and globals.
#[derive(Debug)]
pub(crate) struct Engine {
    environment: Environment<'static>,
}

impl Engine {
    /// `public_url` is where people reach the platform, without a final slash.
    ///
    /// # Errors
    /// When the built-in layout does not parse.
    pub(crate) fn new(public_url: &str) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("money", |minor: i64, currency: &str| {
            format::money(minor, currency)
        });
        environment.add_filter("date", format::date);
        environment.add_global("public_url", public_url.trim_end_matches('/').to_owned());
        environment
            .add_template("layout.html", LAYOUT)
            .map_err(Error::internal)?;
        Ok(Self { environment })
    }

    /// Checks that every part parses and stays within its limits.
    ///
    /// # Errors
    /// [`NotificationCode::TemplateInvalid`] with part and line,
    /// [`NotificationCode::TemplateTooLarge`].
    pub(crate) fn check(&self, source: &Source) -> Result<()> {
        for (part, text) in parts(source) {
            if text.len() > MAX_SOURCE {
                return Err(too_large(part, "has more than 64 KiB"));
            }
            self.environment
                .template_from_named_str(part, text)
                .map_err(|error| unparsable(part, &error))?;
        }
        Ok(())
    }

    /// Renders every part with `data`, a JSON object.
    ///
    /// # Errors
    /// [`NotificationCode::TemplateRender`] names part, line and missing value;
    /// [`NotificationCode::TemplateTooLarge`].
    pub(crate) fn render(&self, source: &Source, data: &Value) -> Result<Rendered> {
        let one = |part, text| self.render_part(part, text, data);
        Ok(Rendered {
            subject: one_line(&one("subject", &source.subject)?),
            text: one("text", &source.text)?,
            html: one("html.html", &source.html)?,
            link: one("link", &source.link)?.trim().to_owned(),
        })
    }

    fn render_part(&self, part: &'static str, text: &str, data: &Value) -> Result<String> {
        let template = self
            .environment
            .template_from_named_str(part, text)
            .map_err(|error| unparsable(part, &error))?;
        let mut out = Bounded::default();
        let rendered = template.render_captured_to(minijinja::value::Serde(data), &mut out);
        if out.overflowed {
            return Err(too_large(part, "renders to more than 256 KiB"));
        }
        if let Err(error) = rendered {
            let missing = (error.kind() == ErrorKind::UndefinedError)
                .then(|| missing_values(&template.undeclared_variables(true), data));
            return Err(unrenderable(part, &error, missing.unwrap_or_default()));
        }
        String::from_utf8(out.bytes).map_err(Error::internal)
    }
}

fn parts(source: &Source) -> [(&'static str, &str); 4] {
    [
        ("subject", &source.subject),
        ("text", &source.text),
        // The name's ending turns escaping on.
        ("html.html", &source.html),
        ("link", &source.link),
    ]
}

/// A subject or title is one line: a line break in a value must not become a
/// header of its own.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_SUBJECT).collect()
}

/// The names that a template uses and the data lacks, sorted.
fn missing_values(used: &std::collections::HashSet<String>, data: &Value) -> Vec<String> {
    let mut missing: Vec<String> = used
        .iter()
        .filter(|path| {
            let found = path.split('.').try_fold(data, |value, key| value.get(key));
            found.is_none() && path.as_str() != "public_url" && path.as_str() != "loop"
        })
        .cloned()
        .collect();
    missing.sort();
    missing
}

fn unparsable(part: &str, error: &minijinja::Error) -> Error {
    let part = part.trim_end_matches(".html");
    let why = error.detail().unwrap_or("it cannot be read").to_owned();
    let line = error.line().unwrap_or(1);
    Error::new(
        NotificationCode::TemplateInvalid,
        format!("The {part} does not parse at line {line}: {why}."),
    )
    .with_field(format!("/{part}"), format!("line {line}: {why}"))
}

fn unrenderable(part: &str, error: &minijinja::Error, missing: Vec<String>) -> Error {
    let part = part.trim_end_matches(".html");
    let line = error.line().unwrap_or(1);
    let mut why = match error.kind() {
        ErrorKind::UndefinedError => "a value is missing".to_owned(),
        ErrorKind::OutOfFuel => "it does too much work".to_owned(),
        _ => error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    if !missing.is_empty() {
        let _ = write!(why, " (the data lacks {})", missing.join(", "));
    }
    missing.into_iter().fold(
        Error::new(
            NotificationCode::TemplateRender,
            format!("The {part} cannot be rendered at line {line}: {why}."),
        ),
        |error, name| {
            error.with_field(
                format!("/data/{}", name.replace('.', "/")),
                "is needed by the template",
            )
        },
    )
}

fn too_large(part: &str, why: &str) -> Error {
    let part = part.trim_end_matches(".html");
    Error::new(
        NotificationCode::TemplateTooLarge,
        format!("The {part} {why}."),
    )
    .with_field(format!("/{part}"), why)
}

/// Takes up to [`MAX_OUTPUT`] bytes and refuses more.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    overflowed: bool,
}

impl io::Write for &mut Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > MAX_OUTPUT {
            self.overflowed = true;
            return Err(io::Error::other("output limit"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn engine() -> Engine {
        Engine::new("https://shop.example/").unwrap()
    }

    fn text(text: &str) -> Source {
        Source {
            subject: "s".into(),
            text: text.into(),
            ..Source::default()
        }
    }

    #[test]
    fn values_money_dates_and_the_public_address_are_printed() {
        let source = text(
            "{{ name }}: {{ total | money(currency) }}, {{ at | date }}, {{ public_url }}/orders",
        );
        let data = json!({"name": "Ada", "total": 990, "currency": "EUR", "at": 0});
        let rendered = engine().render(&source, &data).unwrap();
        assert_eq!(
            rendered.text,
            "Ada: 9.90 EUR, 1970-01-01 00:00 UTC, https://shop.example/orders"
        );
    }

    #[test]
    fn a_missing_value_is_an_error_that_names_it() {
        let source = text("Dear {{ name }},\nyour order {{ order.id }} is here.");
        let error = engine()
            .render(&source, &json!({"name": "Ada", "order": {}}))
            .unwrap_err();
        assert!(error.is(NotificationCode::TemplateRender));
        assert!(error.message().contains("line 2"), "{}", error.message());
        assert!(error.message().contains("order.id"), "{}", error.message());
        assert_eq!(error.fields()[0].field, "/data/order/id");
    }

    #[test]
    fn a_syntax_error_names_part_and_line() {
        let mut source = text("fine");
        source.html = "<p>\n{% if %}\n</p>".into();
        let error = engine().check(&source).unwrap_err();
        assert!(error.is(NotificationCode::TemplateInvalid));
        assert_eq!(error.fields()[0].field, "/html");
        assert!(error.message().contains("line 2"), "{}", error.message());
    }

    #[test]
    fn html_escapes_values_and_text_does_not() {
        let source = Source {
            subject: "{{ name }}".into(),
            text: "{{ name }}".into(),
            html: r#"{% extends "layout.html" %}{% block body %}<p>{{ name }}</p>{% endblock %}"#
                .into(),
            link: String::new(),
        };
        let rendered = engine()
            .render(&source, &json!({"name": "<b>A & B</b>"}))
            .unwrap();
        assert_eq!(rendered.text, "<b>A & B</b>");
        assert!(
            rendered
                .html
                .contains("<p>&lt;b&gt;A &amp; B&lt;&#x2f;b&gt;</p>"),
            "{}",
            rendered.html
        );
        assert!(rendered.html.contains("<html"));
    }

    #[test]
    fn a_line_break_in_a_value_cannot_add_a_header() {
        let source = Source {
            subject: "Hello {{ name }}".into(),
            ..text("")
        };
        let data = json!({"name": "Ada\r\nBcc: eve@example.com"});
        let rendered = engine().render(&source, &data).unwrap();
        assert_eq!(rendered.subject, "Hello Ada Bcc: eve@example.com");
    }

    #[test]
    fn endless_work_and_endless_output_are_stopped() {
        let busy =
            text("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}");
        let error = engine().render(&busy, &json!({})).unwrap_err();
        assert!(error.is(NotificationCode::TemplateRender));
        assert!(
            error.message().contains("too much work"),
            "{}",
            error.message()
        );

        let long = text("{% for a in range(9999) %}{{ x }}{% endfor %}");
        let error = engine()
            .render(&long, &json!({"x": "y".repeat(100)}))
            .unwrap_err();
        assert!(error.is(NotificationCode::TemplateTooLarge), "{error}");

        let error = engine()
            .check(&text(&"x".repeat(MAX_SOURCE + 1)))
            .unwrap_err();
        assert!(error.is(NotificationCode::TemplateTooLarge));
    }

    proptest! {
        #[test]
        fn no_source_makes_the_engine_panic(source in "([{}%#a-z .|()\"\n]|\\{\\{|%\\}){0,60}") {
            let engine = engine();
            let source = text(&source);
            if engine.check(&source).is_ok() {
                let _ = engine.render(&source, &json!({"a": 1}));
            }
        }

        #[test]
        fn a_rendered_subject_is_always_one_line(name in any::<String>()) {
            let source = Source { subject: "{{ name }}".into(), ..Source::default() };
            let rendered = engine().render(&source, &json!({"name": name})).unwrap();
            prop_assert!(!rendered.subject.contains(['\r', '\n']));
        }
    }
}
