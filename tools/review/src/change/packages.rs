//! The packages of the workspace and who uses whom, from Cargo's manifests.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// Where manifests come from: the work tree, or a commit.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<Option<String>, String>;

/// Every member of the workspace, by its folder.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    /// By folder, such as `services/order`.
    pub by_folder: BTreeMap<String, Package>,
    /// The manifest of the workspace.
    pub root: Table,
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Package {
    /// Its name, such as `shoal-order`.
    pub name: String,
    /// Folders of the members that it is built from.
    pub uses: BTreeSet<String>,
    /// Folders of the members that only its tests need.
    pub tests_use: BTreeSet<String>,
    /// Names of all its dependencies, members or not.
    pub dependencies: BTreeSet<String>,
    /// Benchmarks that it declares, by name.
    pub benchmarks: BTreeMap<String, Benchmark>,
    /// Its manifest.
    pub manifest: Table,
}

/// A benchmark as `[package.metadata.benchmarks.<name>]` declares it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// What it measures, for people.
    pub about: String,
    /// The command, run at the top of a checkout, that prints the figures.
    pub command: String,
    /// The figures that it prints, with their units.
    pub figures: BTreeMap<String, String>,
}

impl Packages {
    /// Reads all manifests.
    ///
    /// # Errors
    /// One sentence when one cannot be read or is not what it has to be.
    pub fn read(read: Read<'_>) -> Result<Self, String> {
        let root = manifest(read, "Cargo.toml")?
            .ok_or("Cargo.toml is missing: this is not the top of the workspace")?;
        let workspace = root.get("workspace").and_then(Value::as_table);
        let members: Vec<String> = workspace
            .and_then(|workspace| workspace.get("members")?.as_array())
            .into_iter()
            .flatten()
            .filter_map(|member| member.as_str().map(str::to_owned))
            .collect();
        let shared = workspace
            .and_then(|workspace| workspace.get("dependencies")?.as_table())
            .cloned()
            .unwrap_or_default();
        let mut by_folder = BTreeMap::new();
        for folder in members {
            let path = format!("{folder}/Cargo.toml");
            let manifest = manifest(read, &path)?
                .ok_or_else(|| format!("{path} is missing, and Cargo.toml lists it as a member"))?;
            by_folder.insert(folder.clone(), Package::of(&folder, manifest, &shared)?);
        }
        Ok(Self { by_folder, root })
    }

    /// The folder of the member that a file belongs to.
    pub fn owner(&self, file: &str) -> Option<&str> {
        self.by_folder
            .keys()
            .filter(|folder| {
                file.strip_prefix(folder.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            })
            .max_by_key(|folder| folder.len())
            .map(String::as_str)
    }

    /// Everything that a member is built from, itself included.
    pub fn closure(&self, folder: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            if let Some(package) = self.by_folder.get(&folder)
                && found.insert(folder)
            {
                open.extend(package.uses.iter().cloned());
            }
        }
        found
    }

    /// All benchmarks with the folder of the member that declares them.
    pub fn benchmarks(&self) -> impl Iterator<Item = (&str, &str, &Benchmark)> {
        self.by_folder.iter().flat_map(|(folder, package)| {
            let declared = package.benchmarks.iter();
            declared.map(move |(name, benchmark)| (folder.as_str(), name.as_str(), benchmark))
        })
    }
}

impl Package {
    fn of(folder: &str, manifest: Table, shared: &Table) -> Result<Self, String> {
        let at = |problem: String| format!("{folder}/Cargo.toml: {problem}");
        let package = manifest.get("package").and_then(Value::as_table);
        let name = package
            .and_then(|package| package.get("name")?.as_str())
            .ok_or_else(|| at("[package] has no name".to_owned()))?
            .to_owned();
        let benchmarks = package
            .and_then(|package| package.get("metadata")?.get("benchmarks").cloned())
            .map(Value::try_into)
            .transpose()
            .map_err(|error| at(format!("[package.metadata.benchmarks]: {error}")))?
            .unwrap_or_default();
        let built = tables(&manifest, &["dependencies", "build-dependencies"]);
        let tested = tables(&manifest, &["dev-dependencies"]);
        let folders = |table: &Table| {
            let of = |(name, value): (&String, &Value)| member_of(folder, name, value, shared);
            table.iter().filter_map(of).collect::<BTreeSet<_>>()
        };
        let uses = folders(&built);
        Ok(Self {
            name,
            tests_use: folders(&tested).difference(&uses).cloned().collect(),
            uses,
            dependencies: built.keys().chain(tested.keys()).cloned().collect(),
            benchmarks,
            manifest,
        })
    }
}

/// The folder of the member that a dependency names, if it names one.
fn member_of(folder: &str, name: &str, value: &Value, shared: &Table) -> Option<String> {
    if let Some(path) = value.get("path").and_then(Value::as_str) {
        return Some(joined(folder, path));
    }
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let path = shared.get(name)?.get("path")?.as_str()?;
    inherited.then(|| joined("", path))
}

/// A relative path below the top, without `..`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The tables of those names, those of every target platform included, as one.
fn tables(manifest: &Table, names: &[&str]) -> Table {
    let targets = manifest.get("target").and_then(Value::as_table);
    let platforms = targets.into_iter().flat_map(Table::values);
    let places = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    let mut all = Table::new();
    for place in places {
        for name in names {
            let table = place.get(*name).and_then(Value::as_table);
            all.extend(table.cloned().into_iter().flatten());
        }
    }
    all
}

fn manifest(read: Read<'_>, path: &str) -> Result<Option<Table>, String> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(table) => Ok(Some(table)),
        Err(error) => Err(format!("{path} is not TOML: {}", error.message())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// A workspace of files given as `(path, content)`.
    pub(crate) fn packages(files: &[(&str, &str)]) -> Packages {
        let read = |path: &str| {
            let found = files.iter().find(|(name, _)| *name == path);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        Packages::read(&read).unwrap()
    }

    const ROOT: &str = "[workspace]\nmembers = [\"libs/a\", \"services/b\", \"tools/c\"]\n\
        [workspace.dependencies]\na = { path = \"libs/a\" }\nserde = \"1\"\n";

    fn three() -> Packages {
        packages(&[
            ("Cargo.toml", ROOT),
            (
                "libs/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nserde.workspace = true\n\
                 [package.metadata.benchmarks.fast]\nabout = \"x\"\ncommand = \"true\"\n\
                 figures = { \"p99\" = \"ms\" }\n",
            ),
            (
                "services/b/Cargo.toml",
                "[package]\nname = \"b\"\n[target.'cfg(unix)'.dependencies]\na.workspace = true\n",
            ),
            (
                "tools/c/Cargo.toml",
                "[package]\nname = \"c\"\n[dependencies]\nb = { path = \"../../services/b\" }\n\
                 [dev-dependencies]\na.workspace = true\n",
            ),
        ])
    }

    #[test]
    fn members_are_found_through_the_workspace_and_through_paths() {
        let packages = three();
        let uses = |folder: &str| packages.by_folder[folder].uses.clone();
        assert_eq!(uses("services/b"), BTreeSet::from(["libs/a".to_owned()]));
        assert_eq!(uses("tools/c"), BTreeSet::from(["services/b".to_owned()]));
        let tests = &packages.by_folder["tools/c"].tests_use;
        assert_eq!(*tests, BTreeSet::from(["libs/a".to_owned()]));
        assert_eq!(packages.closure("tools/c").len(), 3);
    }

    #[test]
    fn a_file_belongs_to_the_innermost_member() {
        let packages = three();
        assert_eq!(packages.owner("libs/a/src/lib.rs"), Some("libs/a"));
        assert_eq!(packages.owner("libs/ab/src/lib.rs"), None);
        assert_eq!(packages.owner("README.md"), None);
    }

    #[test]
    fn benchmarks_are_what_manifests_declare() {
        let packages = three();
        let declared: Vec<_> = packages.benchmarks().collect();
        assert_eq!(declared.len(), 1);
        assert_eq!(declared[0].0, "libs/a");
        assert_eq!(declared[0].2.figures["p99"], "ms");
    }

    #[test]
    fn a_broken_manifest_is_told_by_its_path() {
        let read = |path: &str| {
            Ok(match path {
                "Cargo.toml" => Some(ROOT.to_owned()),
                "libs/a/Cargo.toml" => Some("[package".to_owned()),
                _ => None,
            })
        };
        let refusal = Packages::read(&read).unwrap_err();
        assert!(
            refusal.starts_with("libs/a/Cargo.toml is not TOML"),
            "{refusal}"
        );
    }
}
