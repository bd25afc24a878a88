//! Questions to a git repository, through the `git` program.
//!
//! Arguments are lists, never a shell's line; outputs are NUL-separated, so any file name is safe; of the environment
//! only what git needs to find its configuration and to sign is handed on, so that a hook's `GIT_DIR` does no harm.

mod objects;
mod run;

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A repository whose top folder is known.
#[derive(Clone, Debug)]
pub struct Git {
    root: PathBuf,
    shallow: bool,
}

/// One commit of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Full id.
    pub id: String,
    /// First line of its message.
    pub subject: String,
    /// Day of its making, `YYYY-MM-DD`.
    pub date: String,
}

/// A tag and the commit that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, such as `order/v1.0.0+build-20261123-8a3f1c0`.
    pub name: String,
    /// Full id of the commit.
    pub commit: String,
}

impl Git {
    /// The repository whose top is this very folder.
    ///
    /// # Errors
    /// [`Error::NotARepository`] for a plain folder, a folder inside another repository and a bare repository;
    /// [`Error::NoGit`] without the program.
    pub fn open(root: &Path) -> Result<Self> {
        let git = Self {
            root: root.to_owned(),
            shallow: false,
        };
        let not_one = || Error::NotARepository {
            path: root.to_owned(),
        };
        let answer = git
            .try_run(&["rev-parse", "--show-toplevel", "--is-shallow-repository"])?
            .ok_or_else(not_one)?;
        let answer = text(answer);
        let mut lines = answer.lines();
        let top = lines.next().unwrap_or_default();
        let same = match (std::fs::canonicalize(top), std::fs::canonicalize(root)) {
            (Ok(top), Ok(root)) => top == root,
            _ => false,
        };
        if !same {
            return Err(not_one());
        }
        Ok(Self {
            shallow: lines.next() == Some("true"),
            ..git
        })
    }

    /// The top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether older history was left out when cloning.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// Full id of the commit that a revision names.
    ///
    /// # Errors
    /// [`Error::NoSuchRevision`], or [`Error::Shallow`] when the clone is shallow and may just not have it.
    pub fn resolve(&self, rev: &str) -> Result<String> {
        let commit = format!("{rev}^{{commit}}");
        let known = if rev.is_empty() {
            None
        } else {
            self.try_run(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &commit,
            ])?
        };
        match known {
            Some(id) => Ok(text(id).trim().to_owned()),
            None if self.shallow => Err(Error::Shallow {
                what: format!("the revision `{rev}` is not known here"),
            }),
            None => Err(Error::NoSuchRevision {
                rev: rev.to_owned(),
            }),
        }
    }

    /// Whether anything differs from the last commit, files unknown to git included.
    ///
    /// # Errors
    /// When git fails.
    pub fn is_dirty(&self) -> Result<bool> {
        Ok(!self.dirty("")?.is_empty())
    }

    /// Files below a folder (`""` for all) that differ from the last commit, files unknown to git included; sorted.
    ///
    /// # Errors
    /// When git fails.
    pub fn dirty(&self, folder: &str) -> Result<Vec<String>> {
        let scope = pathspec(folder);
        let status = self.run(&[
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--",
            &scope,
        ])?;
        // Each entry is two letters, a blank and the path.
        let mut paths: Vec<String> = split(status)
            .into_iter()
            .filter_map(|entry| entry.get(3..).map(str::to_owned))
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// Files that differ between a revision and the work tree, files unknown to git included; sorted.
    ///
    /// # Errors
    /// As [`Git::resolve`].
    pub fn changed_files(&self, base: &str) -> Result<Vec<String>> {
        let base = self.resolve(base)?;
        let mut paths = split(self.run(&[
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            &base,
            "--",
        ])?);
        paths.extend(split(self.run(&[
            "ls-files",
            "--others",
            "--exclude-standard",
            "-z",
        ])?));
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// Files below a folder (`""` for all) that differ between two revisions; sorted.
    ///
    /// # Errors
    /// As [`Git::resolve`].
    pub fn changed_between(&self, base: &str, head: &str, folder: &str) -> Result<Vec<String>> {
        let (base, head) = (self.resolve(base)?, self.resolve(head)?);
        let scope = pathspec(folder);
        let mut paths = split(self.run(&[
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            &base,
            &head,
            "--",
            &scope,
        ])?);
        paths.sort();
        Ok(paths)
    }

    /// Commits that are in `head` and not in `base` (all of `head` without one) and touch a folder (`""` for all),
    /// newest first.
    ///
    /// # Errors
    /// As [`Git::resolve`]; [`Error::Shallow`] when the range may reach into history that is not here.
    pub fn commits(&self, base: Option<&str>, head: &str, folder: &str) -> Result<Vec<Commit>> {
        let head = self.resolve(head)?;
        let range = match base {
            Some(base) => format!("{}..{head}", self.resolve(base)?),
            None => head,
        };
        if self.shallow {
            return Err(Error::Shallow {
                what: "the commits since a revision cannot be counted".to_owned(),
            });
        }
        let scope = pathspec(folder);
        let log = self.run(&[
            "log",
            "-z",
            "--no-show-signature",
            "--date=short",
            "--format=%H%x1f%cd%x1f%s",
            &range,
            "--",
            &scope,
        ])?;
        Ok(split(log)
            .iter()
            .filter_map(|entry| Commit::parse(entry))
            .collect())
    }

    /// Tags whose names begin with a prefix, by name.
    ///
    /// # Errors
    /// When git fails.
    pub fn tags(&self, prefix: &str) -> Result<Vec<Tag>> {
        let format = "--format=%(refname:strip=2)%1f%(objecttype)%1f%(objectname)%1f%(*objecttype)%1f%(*objectname)";
        let refs = text(self.run(&["for-each-ref", format, "refs/tags"])?);
        Ok(refs
            .lines()
            .filter_map(Tag::parse)
            .filter(|tag| tag.name.starts_with(prefix))
            .collect())
    }

    /// The nearest common ancestor of two revisions.
    ///
    /// # Errors
    /// As [`Git::resolve`]; [`Error::NoMergeBase`], or [`Error::Shallow`] when it may lie in history that is not here.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<String> {
        let (left, right) = (self.resolve(a)?, self.resolve(b)?);
        match self.try_run(&["merge-base", &left, &right])? {
            Some(id) => Ok(text(id).trim().to_owned()),
            None if self.shallow => Err(Error::Shallow {
                what: format!("the common ancestor of `{a}` and `{b}` is not known"),
            }),
            None => Err(Error::NoMergeBase {
                a: a.to_owned(),
                b: b.to_owned(),
            }),
        }
    }
}

impl Commit {
    fn parse(entry: &str) -> Option<Self> {
        let mut fields = entry.split('\u{1f}').map(str::to_owned);
        Some(Self {
            id: fields.next()?,
            date: fields.next()?,
            subject: fields.next()?,
        })
    }
}

impl Tag {
    /// An annotated tag names its commit behind the star; a tag of something else than a commit is no release's.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\u{1f}').collect();
        let commit = match fields.as_slice() {
            [_, "commit", id, ..] | [_, "tag", _, "commit", id] => (*id).to_owned(),
            _ => return None,
        };
        Some(Self {
            name: (*fields.first()?).to_owned(),
            commit,
        })
    }
}

/// Paths as they are written, from the top, without git's own wildcards.
fn pathspec(folder: &str) -> String {
    format!(":(top,literal){folder}")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn split(bytes: Vec<u8>) -> Vec<String> {
    text(bytes)
        .split('\0')
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}
