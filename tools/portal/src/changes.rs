//! What changed between two versions, as the contract gate judges it.

use serde::Serialize;
use shoal_contracts::{Contract, Severity};

use crate::error::BuildError;
use crate::markdown;
use crate::source::{Edition, Service};

/// The difference of two versions.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Difference {
    pub(crate) old: String,
    pub(crate) new: String,
    pub(crate) findings: Vec<Finding>,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// `breaking`, `warning` or `additive`.
    pub(crate) severity: &'static str,
    pub(crate) rule: String,
    /// File and place in it.
    pub(crate) place: String,
    /// What changed, HTML; so are the next and the last.
    pub(crate) what: String,
    pub(crate) whom: String,
    /// Operations, events or settings through which it shows.
    pub(crate) used_by: Vec<String>,
    pub(crate) todo: String,
}

/// Compares two versions.
pub(crate) fn between(
    service: &Service,
    old: &Edition,
    new: &Edition,
) -> Result<Difference, BuildError> {
    let options = shoal_contracts::Options::default();
    let report = shoal_contracts::contract::diff(&files(old), &files(new), &options);
    let report = report.map_err(|why| BuildError::Compare {
        service: service.name.clone(),
        old: old.label(),
        new: new.label(),
        why: why.to_string(),
    })?;
    let mut findings: Vec<Finding> = report.findings.into_iter().map(Finding::from).collect();
    findings.extend(grpc(old, new));
    Ok(Difference {
        old: old.label(),
        new: new.label(),
        findings,
    })
}

fn files(edition: &Edition) -> Contract {
    let files = edition.contract.downloads.iter();
    Contract {
        name: edition.slug.clone(),
        files: files
            .map(|file| (file.path.clone(), file.content.clone()))
            .collect(),
    }
}

/// The gate judges proto files with `buf`, which a build of pages need not
/// start; here it is enough to say that there is something to read.
fn grpc(old: &Edition, new: &Edition) -> Option<Finding> {
    (old.contract.grpc != new.contract.grpc).then(|| Finding {
        severity: "warning",
        rule: "grpc-text".to_owned(),
        place: "grpc.md".to_owned(),
        what: "The description of the gRPC contract changed.".to_owned(),
        whom: "clients and servers of its gRPC services".to_owned(),
        used_by: Vec::new(),
        todo: "Compare the two gRPC pages; the contract gate says what breaks.".to_owned(),
    })
}

impl From<shoal_contracts::Finding> for Finding {
    fn from(finding: shoal_contracts::Finding) -> Self {
        // Shown below the version's own heading, so its folder says nothing.
        let file = finding
            .file
            .split_once('/')
            .map_or(finding.file.as_str(), |(_, file)| file);
        Self {
            severity: match finding.severity {
                Severity::Breaking => "breaking",
                Severity::Warning => "warning",
                Severity::Info => "additive",
            },
            place: format!("{file} {}", finding.pointer).trim_end().to_owned(),
            what: markdown::inline(&finding.change),
            whom: markdown::inline(&finding.affects),
            used_by: finding
                .used_by
                .into_iter()
                .filter(|user| !user.is_empty())
                .collect(),
            todo: markdown::inline(&finding.advice),
            rule: finding.rule,
        }
    }
}

impl Difference {
    /// Number of changes that break somebody.
    pub(crate) fn breaking(&self) -> usize {
        self.of("breaking").len()
    }

    /// In a few words.
    pub(crate) fn verdict(&self) -> String {
        let counts = ["breaking", "warning", "additive"].map(|s| (s, self.of(s).len()));
        let said: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| format!("{count} {severity}"))
            .collect();
        match said.is_empty() {
            true => "no change of the contract".to_owned(),
            false => said.join(", "),
        }
    }

    /// By severity, the worst first.
    pub(crate) fn groups(&self) -> Vec<(&'static str, Vec<&Finding>)> {
        let all = [
            ("breaking", "Breaks somebody"),
            ("warning", "Deserves a look"),
            ("additive", "Added, or harmless"),
        ];
        all.into_iter()
            .map(|(severity, title)| (title, self.of(severity)))
            .filter(|(_, findings)| !findings.is_empty())
            .collect()
    }

    fn of(&self, severity: &str) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == severity)
            .collect()
    }
}
