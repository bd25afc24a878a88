//! What a change does to the contracts of modules, and whether their versions
//! say so.

use schemars::JsonSchema;
use serde::Serialize;
use shoal_contracts::Options;
use shoal_contracts::check::{self, ModuleOutcome, Outcome, Request};
use shoal_contracts::proto::buf::Buf;
use shoal_modules::Workspace;

use super::Change;

/// The contracts of all modules that a change touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Contracts {
    /// Modules that the change touches, by name.
    pub modules: Vec<ModuleContracts>,
    /// Breaches of style in proto files, which belong to no module alone.
    pub proto_style: Vec<String>,
    /// What could not be checked, and why. A report with such a line is not accepted.
    pub unchecked: Vec<String>,
}

/// One module's contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleContracts {
    /// The module.
    pub name: String,
    /// Its version at base; none for a new module.
    pub from: Option<String>,
    /// Its version now.
    pub to: String,
    /// The bump that the change needs: `none`, `patch`, `minor` or `major`.
    pub needs: String,
    /// The bump that it has.
    pub has: String,
    /// Why it is refused: breaks without a version that says so, a missing changelog entry.
    pub refusals: Vec<String>,
    /// What changed in its contracts.
    pub findings: Vec<Finding>,
}

/// A difference between two contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// `breaking`, `warning` or `info`.
    pub severity: String,
    /// The rule that found it.
    pub rule: String,
    /// The file and the place in it.
    pub place: String,
    /// What changed.
    pub what: String,
    /// For whom.
    pub whom: String,
    /// What to do.
    pub action: String,
}

impl Contracts {
    /// Compares the work tree with the change's base, if the change touches a module or a proto file.
    /// What cannot be compared is told in `unchecked`.
    pub fn gather(workspace: &Workspace, change: &Change) -> Self {
        let touches = |folder: &str| change.files.iter().any(|file| file.starts_with(folder));
        if !touches("services/") && !touches("proto/") {
            return Self::default();
        }
        let buf = if touches("proto/") {
            match Buf::find(None) {
                Ok(buf) => Some(buf),
                Err(error) => return Self::not_checked(&error),
            }
        } else {
            None
        };
        let request = Request {
            base: change.base.clone(),
            module: None,
            buf,
            options: Options::default(),
        };
        match check::check(workspace, &request) {
            Ok(outcome) => Self::of(outcome),
            Err(error) => Self::not_checked(&error),
        }
    }

    fn not_checked(error: &shoal_contracts::Error) -> Self {
        Self {
            unchecked: vec![error.to_string()],
            ..Self::default()
        }
    }

    fn of(outcome: Outcome) -> Self {
        let touched = |module: &ModuleOutcome| {
            let findings = &module.report.findings;
            !(module.changed_files.is_empty() && findings.is_empty() && module.refusals.is_empty())
        };
        let touched = outcome.modules.into_iter().filter(touched);
        let style = outcome.lint.findings.into_iter().map(Finding::of);
        Self {
            modules: touched.map(ModuleContracts::of).collect(),
            proto_style: style
                .map(|finding| format!("{} ({})", finding.what, finding.place))
                .collect(),
            unchecked: Vec::new(),
        }
    }
}

impl ModuleContracts {
    fn of(outcome: ModuleOutcome) -> Self {
        let text = |version: &semver::Version| version.to_string();
        Self {
            name: outcome.module,
            from: outcome.base_version.as_ref().map(text),
            to: outcome
                .version
                .as_ref()
                .map_or_else(|| "gone".to_owned(), text),
            needs: outcome.needs.to_string(),
            has: outcome.has.to_string(),
            refusals: outcome
                .refusals
                .into_iter()
                .map(|finding| {
                    format!(
                        "{}. {}",
                        finding.change.trim_end_matches('.'),
                        finding.advice
                    )
                })
                .collect(),
            findings: outcome
                .report
                .findings
                .into_iter()
                .map(Finding::of)
                .collect(),
        }
    }
}

impl Finding {
    fn of(finding: shoal_contracts::Finding) -> Self {
        Self {
            severity: finding.severity.to_string(),
            rule: finding.rule,
            place: match finding.pointer.as_str() {
                "" => finding.file,
                pointer => format!("{}#{pointer}", finding.file),
            },
            what: finding.change,
            whom: finding.affects,
            action: finding.advice,
        }
    }
}
