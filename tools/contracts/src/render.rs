//! Findings as text for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::check::{ModuleOutcome, Outcome};
use crate::report::{Finding, Report, Severity};

/// Values longer than this are cut.
const LONGEST: usize = 120;
/// Uses beyond so many are counted.
const MOST_USES: usize = 4;

/// A report as text.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    for found in &report.findings {
        finding(&mut out, found);
    }
    let _ = writeln!(out, "{}", totals(report));
    out
}

/// The outcome of a check as text.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    let mut out = format!("Compared with {}\n\n", outcome.base);
    for module in &outcome.modules {
        self::module(&mut out, module);
    }
    if !outcome.lint.findings.is_empty() {
        out.push_str("proto style\n\n");
        for found in &outcome.lint.findings {
            finding(&mut out, found);
        }
    }
    if !outcome.proto_checked {
        out.push_str("Proto contracts were left out, as --no-proto says.\n");
    }
    out.push_str(if outcome.is_accepted() {
        "Accepted.\n"
    } else {
        "Refused.\n"
    });
    out
}

fn module(out: &mut String, module: &ModuleOutcome) {
    let shown =
        |v: &Option<semver::Version>| v.as_ref().map_or("-".to_owned(), ToString::to_string);
    let _ = writeln!(
        out,
        "{}: {} -> {}, needs {}, has {}; {} changed files; {}",
        module.module,
        shown(&module.base_version),
        shown(&module.version),
        module.needs,
        module.has,
        module.changed_files.len(),
        totals(&module.report),
    );
    if module.has < module.needs && module.refusals.is_empty() {
        let next = shown(&module.needed_version);
        let _ = writeln!(out, "  the next release has to be at least {next}");
    }
    out.push('\n');
    for found in module.refusals.iter().chain(&module.report.findings) {
        finding(out, found);
    }
}

fn finding(out: &mut String, finding: &Finding) {
    let head = match finding.severity {
        Severity::Breaking => "BREAKING",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let _ = writeln!(out, "  {head} {}", finding.rule);
    let pointer = match finding.pointer.as_str() {
        "" => String::new(),
        place if place.starts_with('/') => format!("#{place}"),
        place => format!(":{place}"),
    };
    let _ = writeln!(out, "    where   {}{pointer}", finding.file);
    let _ = writeln!(out, "    what    {}{}", finding.change, change(finding));
    if finding.severity > Severity::Info {
        let uses: Vec<_> = finding
            .used_by
            .iter()
            .take(MOST_USES)
            .map(String::as_str)
            .collect();
        let more = finding.used_by.len().saturating_sub(MOST_USES);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(out, "    in      {}{more}", uses.join("; "));
        let _ = writeln!(out, "    for     {}", finding.affects);
        let _ = writeln!(out, "    do      {}", finding.advice);
    }
    out.push('\n');
}

fn change(finding: &Finding) -> String {
    match (&finding.before, &finding.after) {
        (None, None) => String::new(),
        (Some(before), None) => format!(" (was {})", short(before)),
        (None, Some(after)) => format!(" (now {})", short(after)),
        (Some(before), Some(after)) => format!(" ({} -> {})", short(before), short(after)),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let cut: String = text.chars().take(LONGEST).collect();
    format!("{cut}…")
}

fn totals(report: &Report) -> String {
    let count = |severity| report.count(severity);
    format!(
        "{} breaking, {} warnings, {} additive",
        count(Severity::Breaking),
        count(Severity::Warning),
        count(Severity::Info)
    )
}
