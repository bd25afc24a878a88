//! Why the tool could not do its work: one sentence that says what is wrong and what to do.

use std::path::PathBuf;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no answer. A refusal of a plan or of a change is an answer, and none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The workspace or its history cannot be read.
    #[error(transparent)]
    Workspace(#[from] shoal_modules::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The workspace's files say something that cannot be followed.
    #[error("the change cannot be followed: {0}")]
    Change(String),
    /// A program could not be started.
    #[error("cannot start `{command}` ({source}): see that it is there and may be run")]
    Start {
        /// The command.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody asked to stop.
    #[error("stopped by {0}; the worktrees are removed")]
    Interrupted(&'static str),
    /// Another report of this checkout is being made.
    #[error("another report of this checkout is being made: wait for it ({} is locked)", .0.display())]
    Busy(PathBuf),
    /// The work tree differs from the head commit.
    #[error(
        "{} not committed, and a report is about commits: commit first (only review-plan.md may differ)",
        listed(.0)
    )]
    Dirty(Vec<String>),
    /// Nothing differs from the base.
    #[error(
        "nothing differs from {0}: there is no change to review; name another base with --base"
    )]
    NoChange(String),
    /// A template does not render.
    #[error("the page cannot be rendered: {0}")]
    Page(#[from] minijinja::Error),
    /// An existing plan cannot be kept.
    #[error("{}:{line}: {what}; mend it, or delete the file and plan anew", path.display())]
    Plan {
        /// The plan.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

impl Error {
    /// Wraps what the system said about a path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

fn listed(files: &[String]) -> String {
    match files {
        [one] => format!("{one} is"),
        [first, rest @ ..] => format!("{first} and {} more files are", rest.len()),
        [] => "something is".to_owned(),
    }
}
