//! What can be wrong with a workspace or its repository, each in one sentence that says what to do.

use std::path::PathBuf;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a question about the workspace has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No workspace at or above the folder.
    #[error("no workspace at or above {}: run this inside a checkout (it has a MODULE.bazel and a Cargo.toml)", start.display())]
    NoWorkspace {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file could not be read or listed.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not say what it has to.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// There is no module of that name.
    #[error("there is no module `{name}`; the modules are: {}", known.join(", "))]
    NoSuchModule {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The module has no changelog.
    #[error("{} is missing: give the module a changelog with a section `## Unreleased`", path.display())]
    NoChangelog {
        /// Where it belongs.
        path: PathBuf,
    },
    /// The folder is no git repository of its own.
    #[error("{} is not the top of a git repository, so its history cannot be asked: use a clone instead of a copy", path.display())]
    NotARepository {
        /// The folder.
        path: PathBuf,
    },
    /// The repository does not know the revision.
    #[error(
        "there is no revision `{rev}` in this repository: name a commit, branch or tag that `git log` knows, or fetch it"
    )]
    NoSuchRevision {
        /// What was asked for.
        rev: String,
    },
    /// The question needs history that a shallow clone left out.
    #[error("{what}, as this clone is shallow: run `git fetch --unshallow --tags` and try again")]
    Shallow {
        /// What cannot be known.
        what: String,
    },
    /// Two revisions without a common ancestor.
    #[error("`{a}` and `{b}` have no common ancestor: name a base from the same history")]
    NoMergeBase {
        /// One revision.
        a: String,
        /// The other.
        b: String,
    },
    /// The `git` program is missing.
    #[error("the program `git` could not be started ({0}): install git and have it on the PATH")]
    NoGit(std::io::Error),
    /// Git refused for a reason of its own.
    #[error("`git {command}` failed: {message}")]
    Git {
        /// The subcommand and its first arguments.
        command: String,
        /// What git said.
        message: String,
    },
}

impl Error {
    pub(crate) fn malformed(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.into(),
            problem: problem.into(),
        }
    }
}
