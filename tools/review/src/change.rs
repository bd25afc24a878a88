//! The change under review: its files, what they reach, and what it does to
//! contracts and dependencies.

pub mod contracts;
pub mod lock;
pub mod packages;
pub mod scope;

use std::collections::{BTreeMap, BTreeSet};

use shoal_modules::{Git, Workspace};

use crate::error::{Error, Result};
use lock::{Lock, LockDiff};
use packages::{Benchmark, Packages};
use scope::{Inputs, Scope};

/// The plan's file, which is about the change and no part of it.
pub const PLAN_FILE: &str = "review-plan.md";

/// Checks of the build's own rules.
pub const SCRIPTS: [&str; 2] = ["tools/bazel/agree", "tools/bazel/check_visibility"];

/// What differs from the base.
#[derive(Debug)]
pub struct Change {
    /// What the base was called.
    pub base_name: String,
    /// The commit that the change starts from: the common ancestor of base and head.
    pub base: String,
    /// Files that differ, uncommitted ones included.
    pub files: Vec<String>,
    /// What they reach.
    pub scope: Scope,
    /// The members at base.
    pub base_packages: Packages,
    /// The members now.
    pub packages: Packages,
    /// Third-party packages.
    pub locks: LockDiff,
    /// The build's own checks that the repository has.
    pub scripts: BTreeSet<&'static str>,
    /// Whether anything that it reaches has tests.
    pub tested: bool,
}

/// A benchmark that tells something about a change.
#[derive(Debug, Clone)]
pub struct Touching<'a> {
    /// Its name.
    pub name: &'a str,
    /// Itself.
    pub benchmark: &'a Benchmark,
    /// Whether its program is built from something that the change reaches.
    pub reached: bool,
    /// How many members its program is built from: the fewer, the closer it looks.
    pub breadth: usize,
}

impl Change {
    /// Looks at what differs between the work tree and the common ancestor of
    /// it and `base`.
    ///
    /// # Errors
    /// When the workspace or its history cannot be read, or nothing differs.
    pub fn gather(workspace: &Workspace, git: &Git, base: &str) -> Result<Self> {
        let start = git.merge_base(base, "HEAD")?;
        let mut files = git.changed_files(&start)?;
        files.retain(|file| file != PLAN_FILE);
        if files.is_empty() {
            return Err(Error::NoChange(format!("{base} ({})", short(&start))));
        }
        let at_base = |path: &str| match git.show(&start, path) {
            Ok(bytes) => Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => Err(error.to_string()),
        };
        let now = |path: &str| read_if_there(workspace, path);
        let base_packages = Packages::read(&at_base).map_err(Error::Change)?;
        let packages = Packages::read(&now).map_err(Error::Change)?;
        let lock = |text: Option<String>| Lock::parse(&text.unwrap_or_default());
        let old = at_base("Cargo.lock")
            .and_then(lock)
            .map_err(Error::Change)?;
        let new = now("Cargo.lock").and_then(lock).map_err(Error::Change)?;
        let scope = Scope::of(&Inputs {
            files: &files,
            base: &base_packages,
            head: &packages,
            facts: &facts(workspace)?,
            locked: &old.reached(&new),
            build_folders: &build_folders(workspace, &files),
        });
        let tested = scope.is_everything()
            || scope
                .packages
                .iter()
                .any(|reached| has_tests(workspace, &reached.folder));
        Ok(Self {
            tested,
            base_name: base.to_owned(),
            base: start,
            files,
            scope,
            base_packages,
            packages,
            locks: old.diff(&new),
            scripts: SCRIPTS
                .into_iter()
                .filter(|script| workspace.path(script).is_file())
                .collect(),
        })
    }

    /// All benchmarks, those that tell most about the change first.
    pub fn benchmarks(&self) -> Vec<Touching<'_>> {
        let programs = self.scope.programs();
        let mut all: Vec<Touching<'_>> = self
            .packages
            .benchmarks()
            .map(|(folder, name, benchmark)| {
                let built_from = self.packages.closure(folder);
                let touched = built_from
                    .iter()
                    .any(|part| programs.contains(part.as_str()));
                Touching {
                    name,
                    benchmark,
                    reached: touched || self.scope.is_everything(),
                    breadth: built_from.len(),
                }
            })
            .collect();
        all.sort_by_key(|touching| (!touching.reached, touching.breadth, touching.name));
        all
    }
}

/// Whether the build makes a test of the package; see tools/bazel/defs.bzl.
fn has_tests(workspace: &Workspace, folder: &str) -> bool {
    ["src/lib.rs", "tests/all.rs", "tests/all/main.rs"]
        .iter()
        .any(|file| workspace.path(format!("{folder}/{file}")).is_file())
}

/// The base that is meant when none is named: the main branch of where the
/// clone came from, or the one here.
///
/// # Errors
/// When there is neither.
pub fn default_base(git: &Git) -> Result<String> {
    let candidates = ["origin/main", "main"];
    let known = candidates.iter().find(|name| git.resolve(name).is_ok());
    match known {
        Some(name) => Ok((*name).to_owned()),
        None => Err(Error::Change(
            "there is neither origin/main nor main; name the base with --base".to_owned(),
        )),
    }
}

/// The first letters of a commit's id.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn read_if_there(workspace: &Workspace, path: &str) -> Result<Option<String>, String> {
    match std::fs::read_to_string(workspace.path(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

fn facts(workspace: &Workspace) -> Result<BTreeMap<String, shoal_modules::Facts>> {
    let mut found = BTreeMap::new();
    for module in workspace.modules()? {
        if let Some(facts) = module.facts()? {
            found.insert(module.folder.clone(), facts);
        }
    }
    Ok(found)
}

/// Folders above the changed files that have a BUILD file, the top left out.
fn build_folders(workspace: &Workspace, files: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files {
        let mut folder = file.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if workspace.path(parent).join("BUILD.bazel").is_file() {
                found.insert(parent.to_owned());
            }
            folder = parent;
        }
    }
    found
}
