//! What keeps a release from being known, planned or cut, each in one sentence that says what to do.

use std::path::PathBuf;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The workspace or its repository does not answer.
    #[error(transparent)]
    Workspace(#[from] shoal_modules::Error),
    /// Two contracts could not be compared.
    #[error(
        "the contract of {module} could not be compared with that of its last release: {problem}"
    )]
    Contract {
        /// The module.
        module: String,
        /// Why.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file or folder.
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
    /// A release that must not be made.
    #[error("{module} is not released: {reason}")]
    Refused {
        /// The module.
        module: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Something failed half-way, and what had been done could not be taken back.
    #[error(
        "{cause}; and what had been done could not be taken back ({left}): look at `git status` before anything else"
    )]
    NotTakenBack {
        /// What failed first.
        cause: Box<Error>,
        /// What failed then.
        left: String,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn malformed(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn refused(module: &str, reason: impl Into<String>) -> Self {
        Self::Refused {
            module: module.to_owned(),
            reason: reason.into(),
        }
    }
}
