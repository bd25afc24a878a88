//! The gate: what the work tree changes against a base, module by module, and whether the versions say so.

mod base;
mod versions;

use std::collections::BTreeSet;

use semver::Version;
use serde::Serialize;
use shoal_modules::{Module, Workspace};

use self::base::Base;
use crate::bump::Bump;
use crate::contract::{self, Contract};
use crate::error::{Error, Result};
use crate::openapi::Options;
use crate::proto::buf::{Buf, module_of};
use crate::report::{Draft, Finding, Report};

/// Where the proto files lie in the workspace.
const PROTO: &str = "proto/proto";

/// What to check.
#[derive(Debug)]
pub struct Request {
    /// A revision, a tag such as `order/v1.2.0+…`, or, with `module`, a released version such as `1.2.0`.
    pub base: String,
    /// One module only; all unless told.
    pub module: Option<String>,
    /// Compares the proto contracts; `None` leaves them out.
    pub buf: Option<Buf>,
    /// Today, for sunsets.
    pub options: Options,
}

/// What the gate found.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The commit or released version that was compared with.
    pub base: String,
    /// Each module, by name.
    pub modules: Vec<ModuleOutcome>,
    /// Breaches of style in proto files; each is refused.
    pub lint: Report,
    /// Whether proto contracts were compared.
    pub proto_checked: bool,
}

/// What the gate found of one module.
#[derive(Debug, Serialize)]
pub struct ModuleOutcome {
    /// Its name.
    pub module: String,
    /// The version at the base; `None` for a new module.
    pub base_version: Option<Version>,
    /// The version now, or the planned one when the changelog has it.
    pub version: Option<Version>,
    /// The step that the change needs.
    pub needs: Bump,
    /// The step that is taken, counted from the last release.
    pub has: Bump,
    /// The least version that would do.
    pub needed_version: Option<Version>,
    /// Files of the module that changed.
    pub changed_files: Vec<String>,
    /// What changed in its contracts.
    pub report: Report,
    /// Why it cannot go in as it is; empty when it can.
    pub refusals: Vec<Finding>,
}

impl Outcome {
    /// Whether the change can go in.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.lint.findings.is_empty() && self.modules.iter().all(|m| m.refusals.is_empty())
    }
}

/// Compares the workspace with a base.
///
/// # Errors
/// When anything that has to be compared is missing or cannot be read; a check that did not run is no pass.
pub fn check(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let modules = match &request.module {
        Some(name) => vec![workspace.module(name)?],
        None => workspace.modules()?,
    };
    let base = Base::find(workspace, request, &modules)?;
    let (proto, lint) = match &request.buf {
        Some(buf) => protos(workspace, &base, buf, request.module.as_deref())?,
        None => (Report::default(), Report::default()),
    };
    let mut outcome = Outcome {
        base: base.name(),
        modules: Vec::new(),
        lint,
        proto_checked: request.buf.is_some(),
    };
    for module in &modules {
        let checked = one(&base, module, &proto, &request.options)?;
        outcome.modules.push(checked);
    }
    if request.module.is_none() {
        outcome.modules.extend(removed(workspace, &base, &modules)?);
    }
    Ok(outcome)
}

fn one(base: &Base, module: &Module, proto: &Report, options: &Options) -> Result<ModuleOutcome> {
    let new = contract_now(module)?;
    let old = base.contract(module)?;
    let base_version = base.version(module)?;
    let mut report = match (&base_version, old.is_empty()) {
        (Some(_), false) => contract::diff(&old, &new, options)?,
        // Without a contract to hold it against, it is at least read.
        _ => {
            contract::diff(&new, &new, options)?;
            new_module(module)
        }
    };
    let concerns = |f: &&Finding| f.used_by.contains(&module.name) || f.used_by.contains("common");
    for finding in proto.findings.iter().filter(concerns) {
        report.push(finding.clone());
    }
    let report = report.sorted();
    let changed_files = base.changed_files(module)?;
    versions::judge(module, base_version, changed_files, report)
}

fn contract_now(module: &Module) -> Result<Contract> {
    let folder = module.contract();
    if !folder.is_dir() {
        return Err(Error::Usage(format!(
            "{}/contract is missing, so nothing can be compared: run ./bazelw run //{}:renew",
            module.folder, module.folder
        )));
    }
    let mut contract = Contract::read(&folder)?;
    contract.name = format!("{}/contract", module.folder);
    Ok(contract)
}

fn new_module(module: &Module) -> Report {
    let draft = Draft {
        rule: "module-added",
        file: &format!("{}/contract", module.folder),
        pointer: String::new(),
        subject: format!("`{}`", module.name),
        before: None,
        after: None,
        used_by: &module.name,
    };
    let findings = draft.finish().into_iter().collect();
    Report { findings }
}

/// Modules that the base had and the work tree has not: refused while somebody calls them.
fn removed(workspace: &Workspace, base: &Base, now: &[Module]) -> Result<Vec<ModuleOutcome>> {
    let known: BTreeSet<_> = now.iter().map(|m| m.name.as_str()).collect();
    let mut outcomes = Vec::new();
    for name in base
        .modules()?
        .iter()
        .filter(|n| !known.contains(n.as_str()))
    {
        let mut callers = Vec::new();
        for module in now {
            let facts = module.facts()?;
            callers.extend(facts.filter(|f| f.calls.contains(name)).map(|f| f.name));
        }
        let draft = Draft {
            rule: "module-removed",
            file: &workspace.path("services").join(name).display().to_string(),
            pointer: String::new(),
            subject: format!("`{name}`"),
            before: None,
            after: None,
            used_by: if callers.is_empty() {
                name
            } else {
                &callers[0]
            },
        };
        let findings: Vec<_> = draft.finish().into_iter().collect();
        outcomes.push(ModuleOutcome {
            module: name.clone(),
            base_version: None,
            version: None,
            needs: Bump::None,
            has: Bump::None,
            needed_version: None,
            changed_files: Vec::new(),
            refusals: if callers.is_empty() {
                Vec::new()
            } else {
                findings.clone()
            },
            report: Report { findings },
        });
    }
    Ok(outcomes)
}

/// What breaks in the proto files, and where their style is off.
fn protos(
    workspace: &Workspace,
    base: &Base,
    buf: &Buf,
    module: Option<&str>,
) -> Result<(Report, Report)> {
    let now = workspace.path(PROTO);
    let breaking = match base.proto()? {
        Some(then) => buf.breaking(then.path(), &now, PROTO)?,
        None => Report::default(),
    };
    let mut lint = buf.lint(&now, PROTO)?;
    lint.findings.retain(|f| {
        let owner = module_of(&f.file, &f.change);
        module.is_none_or(|m| owner.is_none_or(|o| o == m || o == "common"))
    });
    Ok((breaking, lint))
}
