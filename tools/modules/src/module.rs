//! One module: a folder below `services/` with its own version, owner, changelog and contract.

use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::workspace::read_if_there;
use crate::{Changelog, Error, Owners, Released, Result};

/// A module as its files describe it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its folder's name, such as `order`; also the prefix of its tags.
    pub name: String,
    /// Its folder from the top of the workspace, such as `services/order`; `/` on every machine.
    pub folder: String,
    /// Its Cargo package, such as `shoal-order`.
    pub package: String,
    /// The version in its manifest.
    pub version: Version,
    /// One sentence from its manifest.
    pub about: String,
    /// Who answers for it first, such as `@shoal/order`; empty when CODEOWNERS names nobody.
    pub owner: String,
    root: PathBuf,
}

/// What a module offers and needs, from its generated `contract/module.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the module.
    pub name: String,
    /// Version from which it was generated.
    pub version: String,
    /// One sentence.
    #[serde(default)]
    pub about: String,
    /// Its Cargo package.
    #[serde(default)]
    pub package: String,
    /// Its default loopback port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Modules that it calls over gRPC.
    #[serde(default)]
    pub calls: Vec<String>,
    /// gRPC services that it serves, with their packages.
    #[serde(default)]
    pub grpc: Vec<String>,
    /// Types of events that it publishes.
    #[serde(default)]
    pub publishes: Vec<String>,
    /// Types of events that it consumes.
    #[serde(default)]
    pub consumes: Vec<String>,
}

impl Module {
    /// Reads the module `name` of the workspace at `root`.
    ///
    /// # Errors
    /// When its manifest cannot be read, is not TOML, or has no name or no version of its own.
    pub(crate) fn read(root: &Path, name: &str, owners: &Owners) -> Result<Self> {
        let folder = format!("services/{name}");
        let path = root.join(&folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        let manifest = Manifest::parse(&path, &text)?;
        Ok(Self {
            owner: owners
                .of(&format!("{folder}/Cargo.toml"))
                .first()
                .cloned()
                .unwrap_or_default(),
            name: name.to_owned(),
            folder,
            package: manifest.name,
            version: manifest.version,
            about: manifest.about,
            root: root.to_owned(),
        })
    }

    /// The version that a manifest's text names, for reading one from another commit; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no manifest with a version.
    pub fn version_in(path: &Path, manifest: &str) -> Result<Version> {
        Manifest::parse(path, manifest).map(|manifest| manifest.version)
    }

    /// Its folder on this machine.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root.join(&self.folder)
    }

    /// Where its generated contract lies on this machine.
    #[must_use]
    pub fn contract(&self) -> PathBuf {
        self.path().join("contract")
    }

    /// What all its tags begin with, such as `order/v`.
    #[must_use]
    pub fn tag_prefix(&self) -> String {
        format!("{}/v", self.name)
    }

    /// Its changelog.
    ///
    /// # Errors
    /// [`Error::NoChangelog`] when it has none, [`Error::Malformed`] when a heading is not understood.
    pub fn changelog(&self) -> Result<Changelog> {
        let path = self.path().join("CHANGELOG.md");
        let text =
            read_if_there(&path)?.ok_or_else(|| Error::NoChangelog { path: path.clone() })?;
        Changelog::parse(&path, &text)
    }

    /// What its generated contract says about it; `None` when no contract was generated yet.
    ///
    /// # Errors
    /// When `contract/module.json` is there but not what it has to be.
    pub fn facts(&self) -> Result<Option<Facts>> {
        let path = self.contract().join("module.json");
        let Some(text) = read_if_there(&path)? else {
            return Ok(None);
        };
        let facts = serde_json::from_str(&text).map_err(|error| {
            Error::malformed(path, format!("not the facts of a module: {error}"))
        })?;
        Ok(Some(facts))
    }

    /// Its released versions (`releases/<version>/`), newest first.
    ///
    /// # Errors
    /// When a folder is not named by a version, or its `release.json` is missing or names another.
    pub fn releases(&self) -> Result<Vec<Released>> {
        Released::all_of(self)
    }
}

struct Manifest {
    name: String,
    version: Version,
    about: String,
}

impl Manifest {
    fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong = |problem: String| Error::malformed(path, problem);
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(format!("not TOML: {}", error.message())))?;
        let package = table
            .get("package")
            .and_then(toml::Value::as_table)
            .ok_or_else(|| wrong("no [package] section".to_owned()))?;
        let field = |key: &str| {
            package
                .get(key)
                .and_then(toml::Value::as_str)
                .map(str::to_owned)
        };
        let name = field("name").ok_or_else(|| wrong("[package] has no `name`".to_owned()))?;
        let version = field("version").ok_or_else(|| wrong("[package] has no `version` of its own: modules are released one by one, so write one here".to_owned()))?;
        let version = Version::parse(&version).map_err(|error| {
            wrong(format!(
                "version `{version}` is not a semantic version such as 1.4.0: {error}"
            ))
        })?;
        Ok(Self {
            name,
            version,
            about: field("description").unwrap_or_default(),
        })
    }
}
