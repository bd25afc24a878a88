//! Why a site was not built, one sentence each.

use std::io;
use std::path::PathBuf;

/// Dead links that a message names.
const SHOWN: usize = 40;

/// The site was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {source}.", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder of the site cannot be written.
    #[error("{} cannot be written: {source}; choose another folder with --out.", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder that is not a site stands where the site would go.
    #[error("{} holds files that are not a portal; choose an empty folder with --out.", .0.display())]
    Occupied(PathBuf),
    /// The repository is not what it should be.
    #[error("{0}.")]
    Repository(#[from] shoal_modules::Error),
    /// There is nothing to show.
    #[error("{} has no services/*/Cargo.toml; name the top of the repository with --root.", .0.display())]
    NoServices(PathBuf),
    /// A service has no contract.
    #[error(
        "services/{0} has no contract; write it with `./bazelw run //services/{0}:renew`, or name its folder with --contract {0}=DIR."
    )]
    NoContract(String),
    /// A file of a contract does not have the form that it should.
    #[error("{} is not what it should be: {what}.", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A third-party component was not handed over.
    #[error("the component {0} is missing; name its folder with --asset {0}=DIR.")]
    NoAsset(&'static str),
    /// Two versions of a contract cannot be compared.
    #[error("{service} {old} and {new} cannot be compared: {why}")]
    Compare {
        /// Of which service.
        service: String,
        /// The older version.
        old: String,
        /// The newer version.
        new: String,
        /// What the comparison says.
        why: String,
    },
    /// A template is wrong, which a test should have found.
    #[error("a page cannot be rendered: {0:#}.")]
    Template(#[from] minijinja::Error),
    /// Links lead nowhere.
    #[error("{} of the site lead nowhere; mend them where they are written:\n{}", count(.0), listed(.0))]
    DeadLinks(Vec<String>),
}

/// The first of them; a broken template breaks every page.
fn listed(links: &[String]) -> String {
    let shown: Vec<&str> = links.iter().take(SHOWN).map(String::as_str).collect();
    let rest = links.len() - shown.len();
    let more = if rest > 0 {
        format!("\n  and {rest} more")
    } else {
        String::new()
    };
    shown.join("\n") + &more
}

fn count(links: &[String]) -> String {
    match links.len() {
        1 => "1 link".to_owned(),
        n => format!("{n} links"),
    }
}

impl BuildError {
    /// Exit code of the program: 1 when the site was refused, 2 when it could
    /// not be made.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DeadLinks(_) => 1,
            _ => 2,
        }
    }

    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    pub(crate) fn malformed(path: impl Into<PathBuf>, what: impl std::fmt::Display) -> Self {
        Self::Malformed {
            path: path.into(),
            what: what.to_string(),
        }
    }
}
