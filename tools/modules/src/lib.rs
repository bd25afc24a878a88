//! The modules of the workspace: versions, owners, changelogs, contracts, history.
//!
//! Gates, releases, the portal and the review tools ask the same questions: which modules are there, what version has
//! each, who owns it, what does its changelog promise, and how did all that look at another commit. This crate answers
//! them once, from the files that people edit, so that no tool has a list of its own.
//!
//! Rejected: `cargo metadata` (starts Cargo and may want a lock or the net, for two lines of a manifest that are read
//! here in a microsecond; it also knows nothing of another commit) and libgit2 or gitoxide (large dependencies for a
//! dozen read-only questions; the `git` program is on every machine that has a clone, and does what its user's
//! configuration says about worktrees, partial clones and signing).

mod changelog;
mod error;
mod git;
mod module;
mod owners;
mod release;
mod workspace;

pub use changelog::{Changelog, Release, Section};
pub use error::{Error, Result};
pub use git::{Commit, Git, Tag};
pub use module::{Facts, Module};
pub use owners::Owners;
pub use release::{ReleaseRecord, Released};
pub use workspace::Workspace;
