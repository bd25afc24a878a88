//! Cutting a release: everything is checked and made in memory first, then written, committed and tagged, or taken back.

mod check;
mod frozen;
mod stamp;
mod write;

use std::collections::BTreeMap;

use semver::Version;
use shoal_contracts::proto::buf::Buf;
use shoal_modules::{Git, Module, ReleaseRecord, Workspace};

use crate::Result;

pub use write::Done;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The module's name.
    pub module: String,
    /// The version; the lowest that the change allows unless told.
    pub version: Option<Version>,
    /// Day of the release, `YYYY-MM-DD`.
    pub date: String,
    /// Compares proto contracts; without it, a release whose proto files changed is refused.
    pub buf: Option<Buf>,
}

/// A release that could be made: all that it would change.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Name of the module.
    pub module: String,
    /// Version, day, commit and tag.
    pub record: ReleaseRecord,
    /// Files that it writes, by path from the top, with their contents.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the changelog says of it.
    pub notes: String,
}

impl Prepared {
    /// Checks that the release can be made and makes everything that it would write, without writing anything.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] with the reason, or why something could not be read.
    pub fn new(workspace: &Workspace, git: &Git, request: &Request) -> Result<Self> {
        let module = workspace.module(&request.module)?;
        let checked = check::check(workspace, &module, git, request)?;
        let record = ReleaseRecord {
            tag: tag(&module, &checked.version, &request.date, &checked.commit),
            version: checked.version,
            date: request.date.clone(),
            commit: checked.commit,
        };
        let mut files = stamp::files(workspace, &module, &record, &checked.notes)?;
        files.extend(frozen::files(workspace, &module, &record, &files)?);
        Ok(Self {
            module: module.name,
            record,
            files,
            notes: checked.notes,
        })
    }

    /// Writes, commits and tags. When any of it fails, everything is as it was before.
    ///
    /// # Errors
    /// What failed; [`crate::Error::NotTakenBack`] in the unlikely case that undoing failed too.
    pub fn carry_out(&self, git: &Git) -> Result<Done> {
        write::carry_out(self, git)
    }

    /// First line of the release's commit and of its tag.
    #[must_use]
    pub fn title(&self) -> String {
        format!("Release {} {}", self.module, self.record.version)
    }
}

/// `order/v2.3.0+build-20240521-8a3f1c0`: the commit is the one that the release was made from, since the tag's own
/// commit cannot hold its own name.
fn tag(module: &Module, version: &Version, date: &str, commit: &str) -> String {
    let short = commit.get(..7).unwrap_or(commit);
    format!(
        "{}{version}+build-{}-{short}",
        module.tag_prefix(),
        date.replace('-', "")
    )
}
