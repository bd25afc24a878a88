//! Crates of the workspace and what they depend on.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use shoal_modules::Workspace;

use crate::{Error, Result};

/// A crate of the workspace.
#[derive(Clone, Debug, Serialize)]
pub struct Crate {
    /// Its Cargo package.
    pub name: String,
    /// Its folder from the top.
    pub folder: String,
    /// Where it stands.
    pub layer: Layer,
    /// Crates of the workspace that it is built from.
    pub normal: BTreeSet<String>,
    /// Those that its tests or its build script need besides.
    pub other: BTreeSet<String>,
}

/// A layer of the workspace; each may depend on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The contracts.
    Proto,
    /// Libraries.
    Libs,
    /// Modules.
    Services,
    /// Programs for people.
    Tools,
}

impl Layer {
    fn of(folder: &str) -> Option<Self> {
        match folder.split('/').next()? {
            "proto" => Some(Self::Proto),
            "libs" => Some(Self::Libs),
            "services" => Some(Self::Services),
            "tools" => Some(Self::Tools),
            _ => None,
        }
    }
}

/// The members that the root manifest names.
pub(super) fn crates(workspace: &Workspace) -> Result<Vec<Crate>> {
    let root = read(&workspace.path("Cargo.toml"))?;
    let members = root
        .get("workspace")
        .and_then(|w| w.get("members"))
        .and_then(toml::Value::as_array);
    let folders = members
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str);
    let mut found = Vec::new();
    for folder in folders {
        let path = workspace.path(folder).join("Cargo.toml");
        let layer = Layer::of(folder).ok_or_else(|| {
            Error::malformed(&path, "a crate lies in proto, libs, services or tools")
        })?;
        let manifest = read(&path)?;
        let name = manifest
            .get("package")
            .and_then(|p| p.get("name"))
            .and_then(toml::Value::as_str);
        let name = name
            .ok_or_else(|| Error::malformed(&path, "[package] has no `name`"))?
            .to_owned();
        let normal = dependencies(&manifest, &["dependencies"]);
        let other = dependencies(&manifest, &["dev-dependencies", "build-dependencies"]);
        found.push(Crate {
            name,
            folder: folder.to_owned(),
            layer,
            normal,
            other,
        });
    }
    let members: BTreeSet<String> = found.iter().map(|member| member.name.clone()).collect();
    for member in &mut found {
        member.normal.retain(|name| members.contains(name));
        member
            .other
            .retain(|name| members.contains(name) && !member.normal.contains(name));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Names of packages in the given sections, those of single platforms included.
fn dependencies(manifest: &toml::Table, sections: &[&str]) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = targets
        .into_iter()
        .flat_map(|all| all.values())
        .filter_map(toml::Value::as_table);
    let tables = std::iter::once(manifest).chain(platforms);
    let listed = tables.flat_map(|table| {
        sections
            .iter()
            .filter_map(|section| table.get(*section)?.as_table())
    });
    listed
        .flat_map(|list| list.iter().map(|(key, value)| package(key, value)))
        .collect()
}

/// A dependency may have another name than its package.
fn package(key: &str, value: &toml::Value) -> String {
    value
        .get("package")
        .and_then(toml::Value::as_str)
        .unwrap_or(key)
        .to_owned()
}

fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    text.parse().map_err(|error: toml::de::Error| {
        Error::malformed(path, format!("not TOML: {}", error.message()))
    })
}
