//! Changelogs in the form of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).

use std::path::Path;

use semver::Version;

use crate::{Error, Result};

/// A module's changelog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changelog {
    /// What changed since the last release; `None` without such a heading.
    pub unreleased: Option<Section>,
    /// Versions, newest first, as they stand in the file.
    pub releases: Vec<Release>,
}

/// What stands below one second-level heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Line of the heading, counted from 1.
    pub line: usize,
    /// Markdown below the heading, without blank lines around it.
    pub body: String,
}

/// A version's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// Day of the release, `YYYY-MM-DD`; `None` for a version that is only planned.
    pub date: Option<String>,
    /// Line of the heading, counted from 1.
    pub line: usize,
    /// Markdown below the heading, without blank lines around it.
    pub body: String,
}

impl Changelog {
    /// Reads a changelog. `path` is for messages.
    ///
    /// Headings are `## Unreleased`, `## 1.2.0`, `## 1.2.0 (2026-11-23)` or `## 1.2.0 - 2026-11-23`, each also with the
    /// name in brackets. Headings inside fenced code are text.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the line for a heading of another form, a version that stands there twice, or
    /// versions that are not newest first.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let headings = headings_of(&lines);
        let mut log = Self::default();
        for (nth, &at) in headings.iter().enumerate() {
            let end = headings.get(nth + 1).copied().unwrap_or(lines.len());
            let body = lines[at + 1..end].join("\n").trim().to_owned();
            let heading = lines[at][3..].trim();
            log.add(heading, at + 1, body)
                .map_err(|problem| Error::malformed(path, format!("line {}: {problem}", at + 1)))?;
        }
        Ok(log)
    }

    fn add(&mut self, heading: &str, line: usize, body: String) -> Result<(), String> {
        match Heading::parse(heading)? {
            Heading::Unreleased if self.unreleased.is_some() => {
                Err("a second `Unreleased`: merge the two".to_owned())
            }
            Heading::Unreleased if !self.releases.is_empty() => {
                Err("`Unreleased` stands below a version: move it to the top".to_owned())
            }
            Heading::Unreleased => {
                self.unreleased = Some(Section { line, body });
                Ok(())
            }
            Heading::Version(version, date) => {
                if let Some(above) = self
                    .releases
                    .last()
                    .filter(|above| above.version <= version)
                {
                    return Err(format!(
                        "{version} stands below {}: newest first, and each version once",
                        above.version
                    ));
                }
                self.releases.push(Release {
                    version,
                    date,
                    line,
                    body,
                });
                Ok(())
            }
        }
    }

    /// The section of a version.
    #[must_use]
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases
            .iter()
            .find(|release| release.version == *version)
    }

    /// Number of entries below `Unreleased`.
    #[must_use]
    pub fn unreleased_entries(&self) -> usize {
        self.unreleased.as_ref().map_or(0, Section::entries)
    }
}

impl Section {
    /// Number of its list items on the first level.
    #[must_use]
    pub fn entries(&self) -> usize {
        entries(&self.body)
    }
}

impl Release {
    /// Number of its list items on the first level.
    #[must_use]
    pub fn entries(&self) -> usize {
        entries(&self.body)
    }
}

fn entries(body: &str) -> usize {
    let item = |line: &&str| {
        ["- ", "* "].iter().any(|mark| {
            line.strip_prefix(mark)
                .is_some_and(|rest| !rest.trim().is_empty())
        })
    };
    body.lines().filter(item).count()
}

/// Indexes of the lines that are second-level headings.
fn headings_of(lines: &[&str]) -> Vec<usize> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && line.starts_with("## ") {
            found.push(at);
        }
    }
    found
}

enum Heading {
    Unreleased,
    Version(Version, Option<String>),
}

impl Heading {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, rest) = split_name(text);
        if name.eq_ignore_ascii_case("unreleased") && rest.is_empty() {
            return Ok(Self::Unreleased);
        }
        let form = "write `## Unreleased` or `## 1.2.0 (2026-11-23)`";
        let version = Version::parse(name).map_err(|_| {
            format!("the heading `{text}` is neither `Unreleased` nor a version: {form}")
        })?;
        let rest = rest.trim_start_matches(['-', '–', '—']).trim();
        let date = rest
            .strip_prefix('(')
            .and_then(|inner| inner.strip_suffix(')'))
            .unwrap_or(rest)
            .trim();
        match date {
            "" => Ok(Self::Version(version, None)),
            word if word.eq_ignore_ascii_case("unreleased") => Ok(Self::Version(version, None)),
            date if is_date(date) => Ok(Self::Version(version, Some(date.to_owned()))),
            other => Err(format!("`{other}` is not a date: {form}")),
        }
    }
}

/// `[name](link) rest`, `[name] rest` or `name rest`.
fn split_name(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        let linked = rest
            .strip_prefix('(')
            .filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        let rest = linked
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest);
        return (name.trim(), rest.trim());
    }
    text.split_once(' ')
        .map_or((text, ""), |(name, rest)| (name, rest.trim()))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, digits: usize| -> Option<u32> {
        let part = parts
            .get(at)
            .filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse().ok()
    };
    let (year, month, day) = (number(0, 4), number(1, 2), number(2, 2));
    parts.len() == 3
        && year.is_some()
        && month.is_some_and(|m| (1..=12).contains(&m))
        && day.is_some_and(|d| (1..=31).contains(&d))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(text: &str) -> Result<Changelog, String> {
        Changelog::parse(Path::new("CHANGELOG.md"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_of_heading_is_understood() {
        let log = parse(
            "# Changelog\n\n## [Unreleased]\n\n- one\n- two\n  - inner\n\n## 2.0.0 (2026-11-23)\n### Added\n- x\n\n\
             ## [1.1.0] - 2026-01-02\n## [1.0.0](https://example.com/1) — 2025-12-31\n## 0.2.0 — unreleased\n## 0.1.0\n- first\n",
        )
        .unwrap();
        assert_eq!(
            log.unreleased,
            Some(Section {
                line: 3,
                body: "- one\n- two\n  - inner".to_owned()
            })
        );
        assert_eq!(log.unreleased_entries(), 2);
        let read: Vec<_> = log
            .releases
            .iter()
            .map(|r| {
                (
                    r.version.to_string(),
                    r.date.as_deref().unwrap_or("planned"),
                )
            })
            .collect();
        let expected = [
            ("2.0.0", "2026-11-23"),
            ("1.1.0", "2026-01-02"),
            ("1.0.0", "2025-12-31"),
            ("0.2.0", "planned"),
            ("0.1.0", "planned"),
        ];
        assert_eq!(
            read,
            expected.map(|(version, date)| (version.to_owned(), date))
        );
        assert_eq!(
            log.release(&Version::new(2, 0, 0)).unwrap().body,
            "### Added\n- x"
        );
        assert_eq!(log.release(&Version::new(0, 1, 0)).unwrap().line, 16);
    }

    #[test]
    fn a_heading_in_fenced_code_is_text() {
        let log = parse("## Unreleased\n- use this:\n```\n## not a heading\n```\n").unwrap();
        assert!(log.unreleased.unwrap().body.contains("## not a heading"));
    }

    #[test]
    fn headings_without_entries_count_nothing() {
        assert_eq!(
            parse("## Unreleased\n\n### Added\n- \n")
                .unwrap()
                .unreleased_entries(),
            0
        );
        assert_eq!(parse("# Changelog\n").unwrap().unreleased_entries(), 0);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, problem) in [
            ("# x\n\n## Coming soon\n", "line 3", "neither"),
            ("## 1.0\n", "line 1", "neither"),
            ("## 1.0.0 (yesterday)\n", "line 1", "not a date"),
            ("## 1.0.0 (2026-13-01)\n", "line 1", "not a date"),
            ("## 1.0.0\n## 1.0.0\n", "line 2", "each version once"),
            ("## 1.0.0\n## 1.1.0\n", "line 2", "newest first"),
            ("## 1.0.0\n## Unreleased\n", "line 2", "move it to the top"),
            ("## Unreleased\n## [unreleased]\n", "line 2", "merge"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(line) && error.contains(problem),
                "{text:?}: {error}"
            );
        }
    }
}
