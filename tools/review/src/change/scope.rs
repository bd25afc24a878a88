//! Which packages a change reaches, and why: from the files that it touches,
//! over crates, contracts and events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::Serialize;
use shoal_modules::Facts;
use toml::{Table, Value};

use super::packages::Packages;

/// Files and folders that every build depends on.
const FOUNDATION: [&str; 10] = [
    ".bazelrc",
    ".bazelversion",
    "BUILD.bazel",
    "MODULE.bazel",
    "bazelw",
    "clippy.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tools/bazel/",
    ".cargo/",
];

/// How a reason begins that is about a package's tests alone.
const TESTS: &str = "tests use";

/// What there is to know about a change.
pub struct Inputs<'a> {
    /// The files that differ, from the top.
    pub files: &'a [String],
    /// Members at base.
    pub base: &'a Packages,
    /// Members now.
    pub head: &'a Packages,
    /// What each module offers and needs, by its folder.
    pub facts: &'a BTreeMap<String, Facts>,
    /// Names of members whose third-party packages changed.
    pub locked: &'a BTreeSet<String>,
    /// Folders outside the members that have a BUILD file.
    pub build_folders: &'a BTreeSet<String>,
}

/// What a change reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Packages by folder, those that were changed first.
    pub packages: Vec<Reached>,
    /// Files of the foundation: when there is one, everything is reached.
    pub foundation: Vec<String>,
    /// Files that belong to no package.
    pub outside: Vec<String>,
    /// Bazel packages, as patterns such as `//libs/store/...`, whose tests can tell.
    pub targets: Vec<String>,
}

/// A package that a change reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reached {
    /// Its folder.
    pub folder: String,
    /// How.
    pub how: How,
    /// Why: one reason each.
    pub because: Vec<String>,
}

/// How a change reaches a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Its files are changed.
    Changed,
    /// Only its documents are changed: nothing that uses it can tell.
    Documents,
    /// It uses what is changed.
    Affected,
}

impl How {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Documents => "documents",
            Self::Affected => "affected",
        }
    }
}

impl Scope {
    /// Follows a change through the workspace.
    pub fn of(inputs: &Inputs<'_>) -> Self {
        let mut scope = Self::default();
        let mut changed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut documents = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for file in inputs.files {
            if is_foundation(file) {
                scope.foundation.push(file.clone());
            } else if let Some(folder) = inputs.head.owner(file) {
                if is_document(file, folder) {
                    documents.insert(folder.to_owned());
                } else {
                    changed
                        .entry(folder.to_owned())
                        .or_default()
                        .insert("its files".to_owned());
                }
            } else {
                scope.outside.push(file.clone());
                folders.extend(nearest_build(file, inputs.build_folders));
            }
        }
        scope.follow_manifest(inputs, &mut changed);
        for (folder, package) in &inputs.head.by_folder {
            if inputs.locked.contains(&package.name) {
                let because = "third-party packages below it (`Cargo.lock`)".to_owned();
                changed.entry(folder.clone()).or_default().insert(because);
            }
        }
        let affected = affected(inputs, &changed);
        documents.retain(|folder| !changed.contains_key(folder) && !affected.contains_key(folder));
        scope.collect(How::Changed, changed);
        let of_documents = |folder| (folder, BTreeSet::from(["its documents".to_owned()]));
        scope.collect(
            How::Documents,
            documents.into_iter().map(of_documents).collect(),
        );
        scope.collect(How::Affected, affected);
        scope.targets = scope.patterns(&folders);
        scope
    }

    /// The folders of the packages whose programs may differ from base's.
    pub fn programs(&self) -> BTreeSet<&str> {
        let different = self.packages.iter().filter(|reached| {
            let by_tests = reached
                .because
                .iter()
                .all(|reason| reason.starts_with(TESTS));
            reached.how != How::Documents && !by_tests
        });
        different.map(|reached| reached.folder.as_str()).collect()
    }

    /// Whether nothing is untouched.
    pub fn is_everything(&self) -> bool {
        !self.foundation.is_empty()
    }

    /// The root manifest: a shared dependency reaches those who name it, the rest reaches everything.
    fn follow_manifest(
        &mut self,
        inputs: &Inputs<'_>,
        changed: &mut BTreeMap<String, BTreeSet<String>>,
    ) {
        if !inputs.files.iter().any(|file| file == "Cargo.toml") {
            return;
        }
        self.outside.retain(|file| file != "Cargo.toml");
        let (base, base_shared) = split_root(&inputs.base.root);
        let (head, head_shared) = split_root(&inputs.head.root);
        if base != head {
            self.foundation.push("Cargo.toml".to_owned());
        }
        for (folder, package) in &inputs.head.by_folder {
            for name in &package.dependencies {
                if base_shared.get(name) != head_shared.get(name) {
                    let because = format!("`{name}` in `Cargo.toml`");
                    changed.entry(folder.clone()).or_default().insert(because);
                }
            }
        }
    }

    fn collect(&mut self, how: How, found: BTreeMap<String, BTreeSet<String>>) {
        self.packages
            .extend(found.into_iter().map(|(folder, because)| Reached {
                folder,
                how,
                because: because.into_iter().collect(),
            }));
    }

    fn patterns(&self, folders: &BTreeSet<String>) -> Vec<String> {
        if self.is_everything() {
            return vec!["//...".to_owned()];
        }
        let packages = self.packages.iter().map(|reached| &reached.folder);
        let folders: BTreeSet<&String> = packages.chain(folders).collect();
        folders
            .iter()
            .map(|folder| format!("//{folder}/..."))
            .collect()
    }
}

/// Who uses what is changed, over any number of crates, one contract or one event.
fn affected(
    inputs: &Inputs<'_>,
    changed: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (user, because) in contract_users(inputs, changed) {
        found.entry(user).or_default().insert(because);
    }
    let starts = changed.keys().chain(found.keys()).cloned();
    let mut open: VecDeque<String> = starts.collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(used) = open.pop_front() {
        for (folder, package) in &inputs.head.by_folder {
            if package.uses.contains(&used) {
                found
                    .entry(folder.clone())
                    .or_default()
                    .insert(format!("uses `{used}`"));
                if seen.insert(folder.clone()) {
                    open.push_back(folder.clone());
                }
            } else if package.tests_use.contains(&used) {
                // Tests are not handed on: who uses this package does not get them.
                let because = format!("{TESTS} `{used}`");
                found.entry(folder.clone()).or_default().insert(because);
            }
        }
    }
    found.retain(|folder, _| !changed.contains_key(folder));
    for because in found.values_mut() {
        // Where the program itself is affected, its tests are anyway.
        if because.iter().any(|reason| !reason.starts_with(TESTS)) {
            because.retain(|reason| !reason.starts_with(TESTS));
        }
    }
    found
}

/// Modules that call a changed one, or consume what it publishes.
fn contract_users(
    inputs: &Inputs<'_>,
    changed: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (folder, offered) in inputs.facts {
        let own_proto = format!("proto/proto/shoal/{}/", offered.name);
        let touched = changed.contains_key(folder)
            || inputs.files.iter().any(|file| file.starts_with(&own_proto));
        if !touched {
            continue;
        }
        for (user, needed) in inputs.facts.iter().filter(|(user, _)| *user != folder) {
            if needed.calls.contains(&offered.name) {
                found.push((user.clone(), format!("calls `{}`", offered.name)));
            }
            for event in needed
                .consumes
                .iter()
                .filter(|event| offered.publishes.contains(event))
            {
                let because = format!("consumes `{event}` of `{}`", offered.name);
                found.push((user.clone(), because));
            }
        }
    }
    found
}

fn is_foundation(file: &str) -> bool {
    FOUNDATION
        .iter()
        .any(|name| file == *name || (name.ends_with('/') && file.starts_with(name)))
}

/// Documents at the top of a package; below `src` and the like, text is compiled in.
fn is_document(file: &str, folder: &str) -> bool {
    let inside = file
        .strip_prefix(folder)
        .unwrap_or(file)
        .trim_start_matches('/');
    inside.ends_with(".md") && (!inside.contains('/') || inside.starts_with("docs/"))
}

fn nearest_build(file: &str, folders: &BTreeSet<String>) -> Option<String> {
    let mut folder = file;
    while let Some((parent, _)) = folder.rsplit_once('/') {
        if folders.contains(parent) {
            return Some(parent.to_owned());
        }
        folder = parent;
    }
    None
}

/// The root manifest without members and shared dependencies, and these.
fn split_root(root: &Table) -> (Table, Table) {
    let mut rest = root.clone();
    let mut shared = Table::new();
    if let Some(Value::Table(workspace)) = rest.get_mut("workspace") {
        workspace.remove("members");
        if let Some(Value::Table(table)) = workspace.remove("dependencies") {
            shared = table;
        }
    }
    (rest, shared)
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
