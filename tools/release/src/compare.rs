//! The step that a contract's change needs, which the gates decide.

use std::collections::BTreeMap;
use std::path::Path;

use shoal_contracts::proto::buf::Buf;
use shoal_contracts::{Bump, Report, Severity, diff_contracts, needed_bump};
use shoal_modules::{Module, Workspace};

use crate::graph;
use crate::{Error, Result};

/// What the change from a frozen contract to the present one asks for.
pub(crate) struct Needed {
    /// The step, as from 1.0.0 on.
    pub(crate) bump: Bump,
    /// The gravest findings, as sentences.
    pub(crate) because: Vec<String>,
    /// Why the proto contracts, which changed, were not compared.
    pub(crate) proto: Option<String>,
}

/// Compares a frozen contract with the present one.
pub(crate) fn needed(
    workspace: &Workspace,
    module: &Module,
    frozen: &Path,
    buf: Option<&Buf>,
) -> Result<Needed> {
    let wrong = |error: shoal_contracts::Error| Error::Contract {
        module: module.name.clone(),
        problem: error.to_string(),
    };
    let mut report = diff_contracts(frozen, &module.contract()).map_err(wrong)?;
    let present = graph::protos_of(workspace, &module.name)?;
    let mut proto = None;
    if frozen_protos(frozen)? != present {
        match buf {
            Some(buf) => {
                let change = breaking(buf, &frozen.join("proto"), &present, &wrong)?;
                report.merge(change);
            }
            None => {
                proto = Some(
                    "whether the changed proto contracts still fit: name the program buf with --buf or SHOAL_BUF"
                        .to_owned(),
                );
            }
        }
    }
    // Proto files that changed without a break grew, or were explained better.
    let floor = match report.findings.is_empty() && frozen_protos(frozen)? != present {
        true => Bump::Minor,
        false => Bump::None,
    };
    Ok(Needed {
        bump: needed_bump(&report).max(floor),
        because: because(&report),
        proto,
    })
}

fn because(report: &Report) -> Vec<String> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let word = |severity| match severity {
        Severity::Breaking => "breaks",
        Severity::Warning => "may be noticed",
        Severity::Info => "adds",
    };
    let told = findings.iter();
    told.map(|f| format!("{}: {}", word(f.severity), f.change))
        .collect()
}

type Files = BTreeMap<String, Vec<u8>>;

fn frozen_protos(frozen: &Path) -> Result<Files> {
    let root = frozen.join("proto");
    let paths = crate::files::below(&root)?;
    let read = |path: String| Ok((path.clone(), crate::files::read(&root.join(path))?));
    paths.into_iter().map(read).collect()
}

/// What the present files break, which are put where buf can see them without those of other modules.
fn breaking(
    buf: &Buf,
    frozen: &Path,
    present: &Files,
    wrong: &dyn Fn(shoal_contracts::Error) -> Error,
) -> Result<Report> {
    let folder = tempfile::tempdir().map_err(|source| Error::io("a temporary folder", source))?;
    for (path, content) in present {
        crate::files::write(&folder.path().join(path), content)?;
    }
    buf.breaking(frozen, folder.path(), graph::PROTO_ROOT)
        .map_err(wrong)
}
