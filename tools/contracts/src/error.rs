//! Why something could not be checked. Never a finding: a check that did not run is not a clean one.

use std::path::PathBuf;

use thiserror::Error;

/// Why contracts could not be compared or rendered. Each message says what is wrong and where.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A document that should be JSON is not.
    #[error("{file}: not JSON: {source}")]
    NotJson {
        /// The document as the caller named it.
        file: String,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
    /// A document is JSON but not of the shape that its kind asks for.
    #[error("{file}#{pointer}: {problem}")]
    Malformed {
        /// The document as the caller named it.
        file: String,
        /// JSON pointer of the faulty place.
        pointer: String,
        /// What is wrong there.
        problem: String,
    },
    /// The two sides of a comparison are of different kinds.
    #[error("{old} is {old_kind}, but {new} is {new_kind}: compare two documents of one kind")]
    KindMismatch {
        /// The old side.
        old: String,
        /// What it was taken for.
        old_kind: &'static str,
        /// The new side.
        new: String,
        /// What it was taken for.
        new_kind: &'static str,
    },
    /// Protocol buffers do not compile.
    #[error("{folder}: the proto files do not compile: {problem}")]
    Proto {
        /// The import root.
        folder: String,
        /// What the compiler said.
        problem: String,
    },
    /// No file of the folder has the package that was asked for.
    #[error("{folder}: no file has the package {package}; there are {known}")]
    UnknownPackage {
        /// The import root.
        folder: String,
        /// The package that was asked for.
        package: String,
        /// Packages that exist, joined by commas.
        known: String,
    },
    /// `buf` is not there or did not do its work.
    #[error("{0}")]
    Buf(String),
    /// The workspace or its history could not be read.
    #[error(transparent)]
    Workspace(#[from] shoal_modules::Error),
    /// Something of the request itself is wrong.
    #[error("{0}")]
    Usage(String),
}

/// What fallible functions of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn malformed(
        file: impl Into<String>,
        pointer: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            file: file.into(),
            pointer: pointer.into(),
            problem: problem.into(),
        }
    }
}
