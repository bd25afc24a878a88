//! Why a module is not made, each in one sentence that says what to do.

use std::path::PathBuf;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a module is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot be.
    #[error("{0}")]
    Refused(String),
    /// A file that has to be edited does not look as expected.
    #[error(
        "{file} cannot be edited: {problem}; add `{wanted}` by hand to a file of the expected form, or mend the tool"
    )]
    NoPlace {
        /// The file.
        file: String,
        /// What was not found.
        problem: String,
        /// What was to be added.
        wanted: String,
    },
    /// A template cannot be filled in.
    #[error("the template {name} cannot be filled in: {problem}")]
    Template {
        /// The template.
        name: &'static str,
        /// Why.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program that completes the module failed; its own words are printed above.
    #[error(
        "`{command}` failed ({how}), so the module was taken away again: mend what it says above, or pass --files-only and run it yourself"
    )]
    Step {
        /// The command.
        command: String,
        /// Its exit status.
        how: String,
    },
    /// The workspace does not answer.
    #[error(transparent)]
    Workspace(#[from] shoal_modules::Error),
    /// The module graph cannot be drawn.
    #[error(transparent)]
    Graph(#[from] shoal_release::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}
