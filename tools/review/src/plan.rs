//! `review-plan.md`: read, composed, and kept over changes.

pub mod compose;
pub mod document;
pub mod expectation;
pub mod generated;

use shoal_modules::{Git, Workspace};

use crate::change::contracts::Contracts;
use crate::change::{self, Change, PLAN_FILE};
use crate::error::{Error, Result};
use document::{Document, Malformed};

/// The plan's text as it lies at the top, if there is one that belongs to this
/// change: one that base has in the same words is the last change's.
///
/// # Errors
/// When the file or the history cannot be read.
pub fn current(workspace: &Workspace, git: &Git, base: &str) -> Result<Option<String>> {
    let path = workspace.path(PLAN_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Io { path, source }),
    };
    let start = git.merge_base(base, "HEAD")?;
    let last = git.show(&start, PLAN_FILE)?;
    Ok((last.as_deref() != Some(text.as_bytes())).then_some(text))
}

/// The base that is meant: the one that was named, else the one that the plan
/// was written for, else the main branch.
///
/// # Errors
/// When there is none.
pub fn base(workspace: &Workspace, git: &Git, named: Option<&str>) -> Result<String> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let text = std::fs::read_to_string(workspace.path(PLAN_FILE)).unwrap_or_default();
    let document = Document::parse(&text).unwrap_or_default();
    let scope = document.generated(generated::SCOPE);
    match scope.and_then(generated::base_named) {
        Some(name) if git.resolve(name).is_ok() => Ok(name.to_owned()),
        _ => change::default_base(git),
    }
}

/// Writes the plan of the current change and tells whether it is a new one.
///
/// # Errors
/// When the change cannot be followed, or the plan that is there is malformed.
pub fn write(workspace: &Workspace, git: &Git, base: &str) -> Result<bool> {
    let change = Change::gather(workspace, git, base)?;
    let contracts = Contracts::gather(workspace, &change);
    let path = workspace.path(PLAN_FILE);
    let earlier = match current(workspace, git, base)? {
        Some(text) => {
            Some(
                Document::parse(&text).map_err(|Malformed { line, what }| Error::Plan {
                    path: PLAN_FILE.into(),
                    line,
                    what,
                })?,
            )
        }
        None => None,
    };
    let blocks = generated::blocks(&change, &contracts);
    let text = compose::compose(&blocks, &change.benchmarks(), earlier.as_ref());
    std::fs::write(&path, text).map_err(Error::io(&path))?;
    Ok(earlier.is_none())
}
