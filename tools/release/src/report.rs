//! What `status` and `plan` tell, for people and for programs.

use std::fmt::Write as _;

use semver::Version;
use serde::Serialize;

use crate::graph::Graph;
use crate::standing::{Standing, Verdict};

/// What is released when everything that can be is, and in which order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Releases, each after those whose contracts it uses.
    pub(crate) releases: Vec<Planned>,
    /// Modules that are not released, with the reason.
    pub(crate) left: Vec<Left>,
}

/// A release to come.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Planned {
    pub(crate) module: String,
    pub(crate) from: Option<Version>,
    pub(crate) to: Version,
    pub(crate) reasons: Vec<String>,
}

/// A module that is not released.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Left {
    pub(crate) module: String,
    pub(crate) reason: String,
    /// Whether something is in the way, rather than nothing to do.
    pub(crate) blocked: bool,
}

impl Plan {
    pub(crate) fn of(standings: &[Standing], graph: &Graph) -> Self {
        let mut plan = Self {
            releases: Vec::new(),
            left: Vec::new(),
        };
        for name in graph.providers_first() {
            let Some(standing) = standings.iter().find(|standing| standing.name == name) else {
                continue;
            };
            let module = standing.name.clone();
            match standing.verdict() {
                Verdict::Ready { version } => plan.releases.push(Planned {
                    module,
                    from: standing.last.as_ref().map(|last| last.version.clone()),
                    to: version,
                    reasons: reasons(standing, graph),
                }),
                Verdict::Unchanged => plan.left.push(Left {
                    module,
                    reason: "nothing changed since its last release".to_owned(),
                    blocked: false,
                }),
                Verdict::Blocked { reason } => plan.left.push(Left {
                    module,
                    reason,
                    blocked: true,
                }),
            }
        }
        plan
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (at, release) in self.releases.iter().enumerate() {
            let from = release
                .from
                .as_ref()
                .map_or_else(|| "first release".to_owned(), |from| format!("from {from}"));
            line(
                &mut out,
                format_args!("{}. {} {} ({from})", at + 1, release.module, release.to),
            );
            for reason in &release.reasons {
                line(&mut out, format_args!("     {reason}"));
            }
        }
        if self.releases.is_empty() {
            line(&mut out, format_args!("Nothing to release."));
        }
        for left in &self.left {
            let why = if left.blocked {
                "not possible yet"
            } else {
                "not needed"
            };
            line(
                &mut out,
                format_args!("{} {why}: {}", left.module, left.reason),
            );
        }
        for release in &self.releases {
            line(
                &mut out,
                format_args!(
                    "next: ./bazelw run //tools/release -- cut {} --version {}",
                    release.module, release.to
                ),
            );
        }
        out
    }
}

fn reasons(standing: &Standing, graph: &Graph) -> Vec<String> {
    let mut reasons = Vec::new();
    let step = match (standing.needed, &standing.last) {
        (Some(needed), Some(_)) => format!("the change needs a {needed} step"),
        _ => "it has no release yet".to_owned(),
    };
    reasons.push(format!(
        "{step}; {} changelog entr{}",
        standing.entries,
        if standing.entries == 1 { "y" } else { "ies" }
    ));
    reasons.extend(standing.because.iter().take(3).cloned());
    let after: Vec<&str> = graph
        .calls()
        .into_iter()
        .filter(|(from, _)| *from == standing.name)
        .map(|(_, to)| to)
        .collect();
    if !after.is_empty() {
        reasons.push(format!("after {}, which it calls", after.join(", ")));
    }
    if !standing.dirty.is_empty() {
        reasons.push(format!(
            "{} of its files are not committed, which `cut` refuses",
            standing.dirty.len()
        ));
    }
    reasons
}

/// One paragraph for each module.
pub(crate) fn status(standings: &[Standing]) -> String {
    let mut out = String::new();
    for standing in standings {
        let owner = if standing.owner.is_empty() {
            "no owner"
        } else {
            &standing.owner
        };
        line(
            &mut out,
            format_args!("{} {} ({owner})", standing.name, standing.version),
        );
        line(&mut out, format_args!("  last release  {}", last(standing)));
        line(
            &mut out,
            format_args!("  since then    {}", since(standing)),
        );
        line(&mut out, format_args!("  step          {}", step(standing)));
        for reason in standing.because.iter().take(3) {
            line(&mut out, format_args!("                {reason}"));
        }
        line(
            &mut out,
            format_args!(
                "  changelog     {} unreleased",
                count(standing.entries, "entry", "entries")
            ),
        );
        if !standing.dirty.is_empty() {
            line(
                &mut out,
                format_args!(
                    "  not committed {}",
                    count(standing.dirty.len(), "file", "files")
                ),
            );
        }
        for unknown in &standing.unknown {
            line(&mut out, format_args!("  not known     {unknown}"));
        }
        let verdict = match standing.verdict() {
            Verdict::Unchanged => "nothing to release".to_owned(),
            Verdict::Ready { version } => format!("can be released as {version}"),
            Verdict::Blocked { reason } => format!("cannot be released: {reason}"),
        };
        line(&mut out, format_args!("  verdict       {verdict}\n"));
    }
    out
}

fn last(standing: &Standing) -> String {
    let Some(last) = &standing.last else {
        return "none yet".to_owned();
    };
    let date = last
        .date
        .as_ref()
        .map_or_else(String::new, |date| format!(" of {date}"));
    let tag = last
        .tag
        .as_ref()
        .map_or_else(String::new, |tag| format!(", {tag}"));
    format!("{}{date}{tag}", last.version)
}

fn since(standing: &Standing) -> String {
    let (None, None) = (&standing.commits, &standing.files) else {
        let commits = standing.commits.as_ref().map_or_else(
            || "commits unknown".to_owned(),
            |all| count(all.len(), "commit", "commits"),
        );
        let files = standing.files.as_ref().map_or_else(
            || "files unknown".to_owned(),
            |all| count(all.len(), "file", "files"),
        );
        return format!("{commits}, {files} changed");
    };
    if standing.last.is_none() {
        "everything is new".to_owned()
    } else {
        "unknown".to_owned()
    }
}

fn step(standing: &Standing) -> String {
    let needed = standing
        .needed
        .map_or_else(|| "unknown".to_owned(), |bump| bump.to_string());
    if standing.last.is_none() {
        "none needed before the first release".to_owned()
    } else {
        format!("needs {needed}, has {}", standing.has)
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}
