//! How a module stands to its last release.

use std::path::PathBuf;

use semver::Version;
use serde::Serialize;
use shoal_contracts::proto::buf::Buf;
use shoal_modules::{Git, Module, Workspace};

use crate::bump::{self, Bump};
use crate::pending::Pending;
use crate::{Error, Result};

/// What is known of a module and its last release. What the repository cannot tell is `None`, with the reason in
/// [`Standing::unknown`], and never guessed.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// The module's name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// The version in its manifest.
    pub version: Version,
    /// Its last release; `None` before the first.
    pub last: Option<Last>,
    /// First lines of the commits since then that touch it.
    pub commits: Option<Vec<String>>,
    /// Its files that changed since then, those not committed included.
    pub files: Option<Vec<String>>,
    /// Its files that are not committed.
    pub dirty: Vec<String>,
    /// The step that the change of its contract needs.
    pub needed: Option<Bump>,
    /// Why it needs that.
    pub because: Vec<String>,
    /// The step from the last release to the manifest's version.
    pub has: Bump,
    /// Entries of its changelog that no release has yet.
    pub entries: usize,
    /// What cannot be known here, and what to do about it.
    pub unknown: Vec<String>,
}

/// A released version.
#[derive(Clone, Debug, Serialize)]
pub struct Last {
    /// The version.
    pub version: Version,
    /// Day of its release.
    pub date: Option<String>,
    /// Its tag, when it is here.
    pub tag: Option<String>,
    /// The commit of the release, when it is here.
    pub commit: Option<String>,
    /// Its frozen contract.
    pub folder: Option<PathBuf>,
}

/// What comes of a module now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verdict {
    /// There is nothing to release.
    Unchanged,
    /// It can be released, as this version.
    Ready {
        /// The version.
        version: Version,
    },
    /// It has to be released, but something is in the way.
    Blocked {
        /// What, and what to do.
        reason: String,
    },
}

impl Standing {
    /// How a module stands. `git` is the reason where there is no history to ask; without `buf`, proto contracts that
    /// changed are not compared, and that is said.
    ///
    /// # Errors
    /// When the module's own files cannot be read, or git fails for another reason than missing history.
    pub fn of(
        workspace: &Workspace,
        module: &Module,
        git: Result<&Git, &str>,
        buf: Option<&Buf>,
    ) -> Result<Self> {
        let changelog = module.changelog()?;
        let mut standing = Self {
            name: module.name.clone(),
            owner: module.owner.clone(),
            version: module.version.clone(),
            last: None,
            commits: None,
            files: None,
            dirty: Vec::new(),
            needed: None,
            because: Vec::new(),
            has: Bump::None,
            entries: 0,
            unknown: Vec::new(),
        };
        standing.last = last(module, git.ok(), &mut standing.unknown)?;
        match git {
            Ok(git) => standing.ask_history(module, git)?,
            Err(reason) => standing.unknown.push(format!("what changed: {reason}")),
        }
        standing.compare_contracts(workspace, module, buf)?;
        if let Some(last) = &standing.last {
            standing.has = bump::taken(&last.version, &module.version);
        }
        standing.entries = Pending::of(&changelog, &module.version).entries;
        Ok(standing)
    }

    fn ask_history(&mut self, module: &Module, git: &Git) -> Result<()> {
        for folder in scope(module) {
            self.dirty.extend(git.dirty(&folder)?);
        }
        let Some(base) = self.last.as_ref().map(|last| last.commit.clone()) else {
            return Ok(());
        };
        let Some(base) = base else {
            self.unknown.push("what changed: the commit of the last release is not here; run `git fetch --unshallow --tags` or `git fetch --tags`".to_owned());
            return Ok(());
        };
        let frozen = format!("{}/releases/", module.folder);
        let mut files: Vec<String> = self.dirty.clone();
        for folder in scope(module) {
            files.extend(git.changed_between(&base, "HEAD", &folder)?);
        }
        files.retain(|file| !file.starts_with(&frozen));
        files.sort();
        files.dedup();
        self.files = Some(files);
        match self.commits_since(module, git, &base) {
            Ok(commits) => self.commits = Some(commits),
            Err(shoal_modules::Error::Shallow { what }) => self.unknown.push(format!(
                "{what}: this clone is shallow, run `git fetch --unshallow --tags`"
            )),
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    fn commits_since(
        &self,
        module: &Module,
        git: &Git,
        base: &str,
    ) -> shoal_modules::Result<Vec<String>> {
        let mut all = Vec::new();
        for folder in scope(module) {
            for commit in git.commits(Some(base), "HEAD", &folder)? {
                if !all.contains(&commit) {
                    all.push(commit);
                }
            }
        }
        Ok(all.into_iter().map(|commit| commit.subject).collect())
    }

    fn compare_contracts(
        &mut self,
        workspace: &Workspace,
        module: &Module,
        buf: Option<&Buf>,
    ) -> Result<()> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let Some(folder) = last.folder.as_ref().filter(|_| module.contract().is_dir()) else {
            self.unknown.push(format!(
                "the step that is needed: services/{0}/contract or services/{0}/releases/{1} is not here",
                module.name, last.version
            ));
            return Ok(());
        };
        let compared = crate::compare::needed(workspace, module, folder, buf)?;
        self.because = compared.because;
        let changed = self.files.as_ref().map(|files| !files.is_empty());
        let known = changed.is_some() || compared.bump > Bump::None;
        if known && compared.proto.is_none() {
            let floor = if changed == Some(true) {
                Bump::Patch
            } else {
                Bump::None
            };
            self.needed = Some(bump::scaled(compared.bump.max(floor), &last.version));
        }
        self.unknown.extend(compared.proto);
        Ok(())
    }

    /// What comes of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(last) = &self.last else {
            return self.ready(self.version.clone());
        };
        if self.version.cmp_precedence(&last.version).is_lt() {
            return blocked(format!(
                "its manifest says {}, less than the released {}: correct the manifest",
                self.version, last.version
            ));
        }
        let Some(needed) = self.needed else {
            return blocked(format!(
                "not everything is known: {}",
                self.unknown.join("; ")
            ));
        };
        if self.has == Bump::None {
            return if needed == Bump::None {
                Verdict::Unchanged
            } else {
                self.ready(bump::stepped(&last.version, needed))
            };
        }
        if self.has < needed {
            return blocked(self.too_small(&self.version, needed, last));
        }
        self.ready(self.version.clone())
    }

    /// Why a version is not enough.
    pub(crate) fn too_small(&self, version: &Version, needed: Bump, last: &Last) -> String {
        let why = self
            .because
            .first()
            .map_or_else(String::new, |why| format!(" ({why})"));
        format!(
            "{version} is a {} step from {}, but the change needs a {needed} one{why}: release it as {} or undo what breaks",
            bump::taken(&last.version, version),
            last.version,
            bump::stepped(&last.version, needed)
        )
    }

    fn ready(&self, version: Version) -> Verdict {
        if self.entries == 0 {
            return blocked("its changelog has no entry below `## Unreleased`: say there what changed for those who use it".to_owned());
        }
        Verdict::Ready { version }
    }
}

fn blocked(reason: String) -> Verdict {
    Verdict::Blocked { reason }
}

/// Folders and files that are the module's: its own, and its contracts.
pub(crate) fn scope(module: &Module) -> [String; 3] {
    [
        format!("{}/", module.folder),
        format!("{}/shoal/{}/", crate::graph::PROTO_ROOT, module.name),
        format!("proto/src/events/{}.rs", module.name),
    ]
}

/// The newest release that tags or frozen contracts tell of.
fn last(module: &Module, git: Option<&Git>, unknown: &mut Vec<String>) -> Result<Option<Last>> {
    let mut found = git
        .map(|git| newest_tag(module, git))
        .transpose()?
        .flatten();
    let Some(released) = module.releases()?.into_iter().next() else {
        return Ok(found);
    };
    let record = &released.record;
    let tagged = found
        .as_ref()
        .is_some_and(|last| last.version.cmp_precedence(&record.version).is_eq());
    if found
        .as_ref()
        .is_some_and(|last| last.version.cmp_precedence(&record.version).is_gt())
    {
        // The tag is of a later release, which another branch holds.
        return Ok(found);
    }
    if !tagged {
        let commit = git
            .map(|git| released.frozen_by(git))
            .transpose()?
            .flatten();
        if git.is_some() {
            unknown.push(format!("the tag {} is not here (`git fetch --tags` brings it); the commit that froze the release stands in for it", record.tag));
        }
        found = Some(Last {
            version: record.version.clone(),
            date: None,
            tag: None,
            commit,
            folder: None,
        });
    }
    Ok(found.map(|last| Last {
        date: Some(record.date.clone()),
        folder: Some(released.folder),
        ..last
    }))
}

fn newest_tag(module: &Module, git: &Git) -> Result<Option<Last>> {
    let prefix = module.tag_prefix();
    let tags = git.tags(&prefix)?;
    let versions = tags.into_iter().filter_map(|tag| {
        Version::parse(tag.name.strip_prefix(&prefix)?)
            .ok()
            .map(|version| (version, tag))
    });
    let newest = versions.max_by(|(a, _), (b, _)| a.cmp_precedence(b));
    Ok(newest.map(|(version, tag)| Last {
        version: bump::plain(&version),
        date: None,
        tag: Some(tag.name),
        commit: Some(tag.commit),
        folder: None,
    }))
}

/// How every module stands, by name.
///
/// # Errors
/// As [`Standing::of`].
pub fn all(workspace: &Workspace, buf: Option<&Buf>) -> Result<Vec<Standing>> {
    let git = workspace.git();
    let reason = git
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default();
    let modules = workspace.modules()?;
    modules
        .iter()
        .map(|module| {
            Standing::of(
                workspace,
                module,
                git.as_ref().map_err(|_| reason.as_str()),
                buf,
            )
        })
        .collect::<Result<_, Error>>()
}
