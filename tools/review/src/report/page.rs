//! The report for people: `diff-report.html`, a page that needs nothing else,
//! and `diff-report.md`, to paste into a review.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use super::model::{Binary, DiffReport, Performance, schema};
use crate::change::short;
use crate::error::{Error, Result};

/// Writes all forms of the report into a folder.
pub(super) fn write(report: &DiffReport, folder: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(report).unwrap_or_default();
    let files = [
        ("diff-report.json", format!("{json}\n")),
        ("diff-report.schema.json", schema()),
        ("diff-report.html", render("report.html", report)?),
        ("diff-report.md", render("report.md", report)?),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(Error::io(path))?;
    }
    Ok(())
}

fn render(template: &str, report: &DiffReport) -> Result<String> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template(
        "report.html",
        include_str!("../../templates/report.html.j2"),
    )?;
    environment.add_template("report.md", include_str!("../../templates/report.md.j2"))?;
    environment.add_filter("figure", figure);
    environment.add_filter("percent", |value: f64| format!("{value:+.1} %"));
    environment.add_filter("bytes", |value: f64| bytes(value));
    environment.add_filter("duration", |seconds: f64| {
        crate::output::time(std::time::Duration::from_secs_f64(seconds.max(0.0)))
    });
    environment.add_filter("short", |commit: String| short(&commit).to_owned());
    environment.add_filter("code", |text: String| Value::from_safe_string(code(&text)));
    environment.add_filter("count", |number: u64, what: String| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    });
    environment.add_filter("cell", |text: String| text.replace('|', "\\|"));
    let strips: Vec<Strip> = report.performance.iter().map(strip).collect();
    let growths: Vec<Option<Growth>> = report.binaries.iter().map(growth).collect();
    let page = environment.get_template(template)?;
    Ok(page.render(
        context! { report => Serde(report), strips => Serde(strips), growths => Serde(growths) },
    )?)
}

/// Four digits that count, thousands apart.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |parts| parts);
    let digits: Vec<char> = whole.chars().collect();
    let mut grouped = String::new();
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits[index - 1] != '-' {
            grouped.push(',');
        }
        grouped.push(*digit);
    }
    if rest.is_empty() {
        grouped
    } else {
        format!("{grouped}.{rest}")
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        size if size >= 1024.0 * 1024.0 => format!("{:.2} MiB", value / (1024.0 * 1024.0)),
        size if size >= 1024.0 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{value:.0} B"),
    }
}

/// Text with backticks as HTML.
fn code(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let marked = parts.iter().enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            (*part).to_owned()
        }
    });
    marked.collect()
}

/// A figure's rounds as points on one line for each side, in a box of 100 by 34.
#[derive(Serialize)]
struct Strip {
    base: Vec<f64>,
    base_median: Option<f64>,
    head: Vec<f64>,
    head_median: f64,
    low: f64,
    high: f64,
}

fn strip(measured: &Performance) -> Strip {
    let base = measured.base.as_ref();
    let values = base
        .iter()
        .flat_map(|side| &side.values)
        .chain(&measured.head.values);
    let low = values.clone().copied().fold(f64::INFINITY, f64::min);
    let high = values.copied().fold(f64::NEG_INFINITY, f64::max);
    let width = (high - low).max(high.abs() * 1e-6);
    let place = |value: f64| 3.0 + 94.0 * (value - low) / width;
    let all = |values: &[f64]| values.iter().map(|value| place(*value)).collect();
    Strip {
        base: base.map_or_else(Vec::new, |side| all(&side.values)),
        base_median: base.map(|side| place(side.median)),
        head: all(&measured.head.values),
        head_median: place(measured.head.median),
        low,
        high,
    }
}

#[derive(Serialize)]
struct Growth {
    bytes: i64,
    percent: f64,
}

fn growth(binary: &Binary) -> Option<Growth> {
    let (base, head) = (binary.base?.loaded, binary.head?.loaded);
    let bytes = i64::try_from(head).ok()? - i64::try_from(base).ok()?;
    Some(Growth {
        bytes,
        percent: bytes as f64 / base as f64 * 100.0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn backticks_become_code_and_nothing_becomes_markup() {
        assert_eq!(code("a `b` <c>"), "a <code>b</code> &lt;c&gt;");
        assert_eq!(code("an odd ` one"), "an odd ` one");
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(figure(1_234_567.8), "1,234,568");
        assert_eq!(figure(-1234.0), "-1,234");
        assert_eq!(figure(999.94), "999.9");
        assert_eq!(figure(0.123_45), "0.123");
        assert_eq!(bytes(2048.0), "2.0 KiB");
        assert_eq!(bytes(-512.0), "-512 B");
    }
}
