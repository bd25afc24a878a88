//! What a comparison found, in a form that people read and programs keep.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rules;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Additive: nobody who follows the old contract notices.
    Info,
    /// Fits the old contract's letter, yet somebody may notice.
    Warning,
    /// Somebody who follows the old contract is refused or cannot read the answer.
    Breaking,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Breaking => "breaking",
        })
    }
}

/// One change of a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule of the catalogue, see [`crate::rules::all`].
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// Document in which the place is: the new one, or the old one for what is gone.
    pub file: String,
    /// JSON pointer of the place in `file`; `line:column` in a proto file.
    pub pointer: String,
    /// What changed, one sentence.
    pub change: String,
    /// What stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Operations, events or settings through which the change shows.
    pub used_by: BTreeSet<String>,
    /// Who notices.
    pub affects: String,
    /// What to do instead, or before.
    pub advice: String,
}

/// All that a comparison found, the gravest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The gravest severity, none for a clean report.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }

    /// How many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let of = |f: &&Finding| f.severity == severity;
        self.findings.iter().filter(of).count()
    }

    /// Takes over the findings of another report.
    pub fn merge(&mut self, other: Self) {
        for finding in other.findings {
            self.push(finding);
        }
    }

    /// Adds a finding; one that differs from another only in what uses it joins that.
    pub(crate) fn push(&mut self, finding: Finding) {
        let same = |f: &&mut Finding| {
            f.rule == finding.rule
                && f.file == finding.file
                && f.pointer == finding.pointer
                && f.change == finding.change
                && f.before == finding.before
                && f.after == finding.after
        };
        match self.findings.iter_mut().find(same) {
            Some(known) => known.used_by.extend(finding.used_by),
            None => self.findings.push(finding),
        }
    }

    /// The gravest first, then by place.
    #[must_use]
    pub(crate) fn sorted(mut self) -> Self {
        self.findings.sort_by(|a, b| {
            let place = |f: &Finding| (f.file.clone(), f.pointer.clone(), f.rule.clone());
            b.severity
                .cmp(&a.severity)
                .then_with(|| place(a).cmp(&place(b)))
        });
        self
    }
}

/// A finding about to be made: the rule gives what is not said here.
pub(crate) struct Draft<'a> {
    pub(crate) rule: &'a str,
    pub(crate) file: &'a str,
    pub(crate) pointer: String,
    /// What it is about, such as "`limit` in query"; the rule's sentence follows.
    pub(crate) subject: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    pub(crate) used_by: &'a str,
}

impl Draft<'_> {
    /// The finding, unless the rule's severity says that there is nothing to tell.
    pub(crate) fn finish(self) -> Option<Finding> {
        let rule = rules::find(self.rule)?;
        let change = if self.subject.is_empty() {
            rule.about
        } else {
            format!("{}: {}", self.subject, rule.about)
        };
        Some(Finding {
            rule: rule.id,
            severity: rule.severity,
            file: self.file.to_owned(),
            pointer: self.pointer,
            change,
            before: self.before,
            after: self.after,
            used_by: BTreeSet::from([self.used_by.to_owned()]),
            affects: rule.affects,
            advice: rule.advice,
        })
    }
}
