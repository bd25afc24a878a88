//! What a change does to third-party dependencies: `Cargo.lock`, and the
//! features that manifests ask for.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::packages::Packages;

/// `Cargo.lock`, read.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    packages: BTreeMap<Id, Locked>,
}

/// A package at a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Id {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package that changed its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bump {
    /// Its name.
    pub name: String,
    /// The version at base.
    pub from: String,
    /// The version at head.
    pub to: String,
}

/// Features of a dependency that a manifest asks for, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FeatureChange {
    /// The manifest.
    pub manifest: String,
    /// The dependency.
    pub dependency: String,
    /// Newly asked for; `default` stands for the default features.
    pub added: Vec<String>,
    /// No longer asked for.
    pub removed: Vec<String>,
}

/// What changed between two locks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LockDiff {
    /// Third-party packages that are new.
    pub added: Vec<Id>,
    /// Third-party packages that are gone.
    pub removed: Vec<Id>,
    /// Third-party packages at another version.
    pub bumped: Vec<Bump>,
}

#[derive(Debug, Clone)]
struct Locked {
    external: bool,
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads the text of a `Cargo.lock`.
    ///
    /// # Errors
    /// One sentence when it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text)
            .map_err(|error| format!("Cargo.lock is not a lock: {}", error.message()))?;
        let packages = file.package.into_iter().map(|entry| {
            let id = Id {
                name: entry.name,
                version: entry.version,
            };
            let locked = Locked {
                external: entry.source.is_some(),
                dependencies: entry.dependencies,
            };
            (id, locked)
        });
        Ok(Self {
            packages: packages.collect(),
        })
    }

    /// What is different at `head`.
    pub fn diff(&self, head: &Self) -> LockDiff {
        let (before, after) = (self.external(), head.external());
        let mut gone: BTreeMap<&str, Vec<&Id>> = BTreeMap::new();
        for id in before.difference(&after) {
            gone.entry(&id.name).or_default().push(id);
        }
        let mut diff = LockDiff::default();
        for id in after.difference(&before) {
            let earlier = gone.get_mut(id.name.as_str());
            match earlier
                .filter(|ids| !ids.is_empty())
                .map(|ids| ids.remove(0))
            {
                Some(old) => diff.bumped.push(Bump {
                    name: id.name.clone(),
                    from: old.version.clone(),
                    to: id.version.clone(),
                }),
                None => diff.added.push((*id).clone()),
            }
        }
        diff.removed = gone.into_values().flatten().cloned().collect();
        diff
    }

    /// Names of the workspace's own packages whose third-party packages differ at `head`.
    pub fn reached(&self, head: &Self) -> BTreeSet<String> {
        let members = head.packages.iter().filter(|(_, locked)| !locked.external);
        members
            .filter(|(id, _)| self.third_parties(&id.name) != head.third_parties(&id.name))
            .map(|(id, _)| id.name.clone())
            .collect()
    }

    fn external(&self) -> BTreeSet<&Id> {
        let all = self.packages.iter();
        all.filter(|(_, locked)| locked.external)
            .map(|(id, _)| id)
            .collect()
    }

    /// The third-party packages below the workspace's own package of that name.
    fn third_parties(&self, member: &str) -> BTreeSet<&Id> {
        let mut seen = BTreeSet::new();
        let mut open = vec![member];
        while let Some(reference) = open.pop() {
            for (id, locked) in self.named(reference) {
                if seen.insert(id) {
                    open.extend(locked.dependencies.iter().map(String::as_str));
                }
            }
        }
        seen.retain(|id| self.packages.get(*id).is_some_and(|locked| locked.external));
        seen
    }

    /// What `name`, `name version` or `name version (source)` refers to.
    fn named(&self, reference: &str) -> impl Iterator<Item = (&Id, &Locked)> {
        let mut words = reference.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let version = words.next().map(str::to_owned);
        let start = Id {
            name: name.clone(),
            version: String::new(),
        };
        self.packages
            .range(start..)
            .take_while(move |(id, _)| id.name == name)
            .filter(move |(id, _)| {
                version
                    .as_ref()
                    .is_none_or(|version| *version == id.version)
            })
    }
}

/// Changes of what manifests ask for, the workspace's own list included.
pub fn features(base: &Packages, head: &Packages) -> Vec<FeatureChange> {
    let mut found = feature_changes(
        "Cargo.toml",
        &base.root.get("workspace").cloned(),
        &head.root.get("workspace").cloned(),
    );
    for (folder, package) in &head.by_folder {
        let before = base
            .by_folder
            .get(folder)
            .map(|package| Value::Table(package.manifest.clone()));
        let after = Some(Value::Table(package.manifest.clone()));
        // A new member's wishes are seen in the lock and in the change itself.
        if before.is_some() {
            found.extend(feature_changes(
                &format!("{folder}/Cargo.toml"),
                &before,
                &after,
            ));
        }
    }
    found
}

fn feature_changes(
    manifest: &str,
    base: &Option<Value>,
    head: &Option<Value>,
) -> Vec<FeatureChange> {
    let (before, after) = (wishes(base), wishes(head));
    let both = after
        .iter()
        .filter_map(|(name, wished)| Some((name, before.get(name)?, wished)));
    both.filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| FeatureChange {
            manifest: manifest.to_owned(),
            dependency: name.clone(),
            added: after.difference(before).cloned().collect(),
            removed: before.difference(after).cloned().collect(),
        })
        .collect()
}

/// The features that each dependency is asked for.
fn wishes(manifest: &Option<Value>) -> BTreeMap<String, BTreeSet<String>> {
    let sections = ["dependencies", "build-dependencies", "dev-dependencies"];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for section in sections {
        let table = manifest
            .as_ref()
            .and_then(|value| value.get(section)?.as_table());
        for (name, value) in table.into_iter().flat_map(Table::iter) {
            let wished = found.entry(name.clone()).or_default();
            let listed = value.get("features").and_then(Value::as_array);
            let listed = listed.into_iter().flatten().filter_map(Value::as_str);
            wished.extend(listed.map(str::to_owned));
            if value.get("default-features").and_then(Value::as_bool) != Some(false) {
                wished.insert("default".to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::change::packages::tests::packages;

    fn lock(entries: &[(&str, &str, bool, &[&str])]) -> Lock {
        let text: String = entries
            .iter()
            .map(|(name, version, external, dependencies)| {
                let source = if *external { "source = \"registry+x\"\n" } else { "" };
                format!(
                    "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}dependencies = {dependencies:?}\n"
                )
            })
            .collect();
        Lock::parse(&text).unwrap()
    }

    #[test]
    fn added_removed_and_bumped_packages_are_told_apart() {
        let base = lock(&[
            ("own", "0.1.0", false, &["serde"]),
            ("serde", "1.0.1", true, &[]),
            ("rand", "0.8.0", true, &[]),
            ("rand", "0.9.0", true, &[]),
            ("old", "1.0.0", true, &[]),
        ]);
        let head = lock(&[
            ("own", "0.2.0", false, &["serde"]),
            ("serde", "1.0.2", true, &[]),
            ("rand", "0.9.0", true, &[]),
            ("new", "1.0.0", true, &[]),
        ]);
        let diff = base.diff(&head);
        assert_eq!(diff.bumped.len(), 1);
        assert_eq!(
            (diff.bumped[0].from.as_str(), diff.bumped[0].to.as_str()),
            ("1.0.1", "1.0.2")
        );
        let names = |ids: &[Id]| ids.iter().map(|id| id.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&diff.added), ["new"]);
        assert_eq!(names(&diff.removed), ["old", "rand"]);
        assert_eq!(base.diff(&base), LockDiff::default());
    }

    #[test]
    fn a_bump_reaches_those_members_alone_that_have_it_below_them() {
        let with = |version: &str| {
            lock(&[
                ("far", "0.1.0", false, &["near"]),
                ("near", "0.1.0", false, &["middle"]),
                ("other", "0.1.0", false, &["rand 0.9.0"]),
                ("middle", "1.0.0", true, &["deep"]),
                ("deep", version, true, &[]),
                ("rand", "0.9.0", true, &[]),
            ])
        };
        let reached = with("1.0.0").reached(&with("1.1.0"));
        assert_eq!(
            reached,
            BTreeSet::from(["far".to_owned(), "near".to_owned()])
        );
    }

    #[test]
    fn features_are_compared_by_manifest_and_dependency() {
        let with = |dependency: &str| {
            packages(&[
                ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"),
                (
                    "a/Cargo.toml",
                    &format!("[package]\nname = \"a\"\n[dependencies]\nserde = {dependency}\n"),
                ),
            ])
        };
        let plain = with("\"1\"");
        let rich = with("{ version = \"1\", default-features = false, features = [\"derive\"] }");
        let changes = features(&plain, &rich);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].added, ["derive"]);
        assert_eq!(changes[0].removed, ["default"]);
        assert_eq!(features(&rich, &rich), []);
    }
}
