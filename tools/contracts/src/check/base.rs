//! What is compared with: a commit, or a released version of one module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::Version;
use shoal_modules::{Git, Module, Released, Workspace};
use tempfile::TempDir;

use super::{PROTO, Request};
use crate::contract::Contract;
use crate::error::{Error, Result};

/// Files of a module whose change is none of the module. Tests ship with nobody: changing them alone needs no version.
const NOT_THE_MODULE: &[&str] = &["CHANGELOG.md", "releases/", "tests/"];

pub(super) enum Base {
    Commit {
        git: Git,
        id: String,
    },
    Release {
        git: Option<Git>,
        released: Released,
    },
}

/// A folder of proto files, which goes away when it was made for the purpose.
pub(super) enum Protos {
    Kept(PathBuf),
    Made(TempDir),
}

impl Protos {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Made(folder) => folder.path(),
        }
    }
}

impl Base {
    pub(super) fn find(
        workspace: &Workspace,
        request: &Request,
        modules: &[Module],
    ) -> Result<Self> {
        let version = Version::parse(request.base.trim_start_matches('v')).ok();
        let (Some(version), Some(name)) = (version, &request.module) else {
            let git = workspace.git()?;
            let id = git.resolve(&request.base)?;
            return Ok(Self::Commit { git, id });
        };
        let releases = modules
            .first()
            .map(Module::releases)
            .transpose()?
            .unwrap_or_default();
        let known: Vec<_> = releases
            .iter()
            .map(|r| r.record.version.to_string())
            .collect();
        let found = releases.into_iter().find(|r| r.record.version == version);
        let Some(released) = found else {
            return Err(Error::Usage(format!(
                "services/{name}/releases has no {version}; there are: {}",
                known.join(", ")
            )));
        };
        let git = workspace.git().ok();
        Ok(Self::Release { git, released })
    }

    /// As it stands in the outcome.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Commit { id, .. } => id.clone(),
            Self::Release { released, .. } => released.record.tag.clone(),
        }
    }

    pub(super) fn contract(&self, module: &Module) -> Result<Contract> {
        match self {
            Self::Commit { git, id } => {
                let folder = format!("{}/contract", module.folder);
                let files = below(git.read_folder(id, &folder)?, &folder);
                let short = id.get(..10).unwrap_or(id);
                let name = format!("{short}:{folder}");
                Ok(Contract { name, files })
            }
            Self::Release { released, .. } => {
                let mut contract = Contract::read(&released.folder)?;
                contract
                    .files
                    .retain(|n, _| !n.starts_with("proto/") && n != "release.json");
                let version = &released.record.version;
                contract.name = format!("{}/releases/{version}", module.folder);
                Ok(contract)
            }
        }
    }

    /// The module's version there; `None` where it is not there.
    pub(super) fn version(&self, module: &Module) -> Result<Option<Version>> {
        match self {
            Self::Commit { git, id } => {
                let path = format!("{}/Cargo.toml", module.folder);
                let Some(bytes) = git.show(id, &path)? else {
                    return Ok(None);
                };
                let manifest = String::from_utf8_lossy(&bytes);
                let at = format!("{id}:{path}");
                Ok(Some(Module::version_in(Path::new(&at), &manifest)?))
            }
            Self::Release { released, .. } => Ok(Some(released.record.version.clone())),
        }
    }

    /// Names of the modules that were there, as far as the base can tell.
    pub(super) fn modules(&self) -> Result<BTreeSet<String>> {
        let Self::Commit { git, id } = self else {
            return Ok(BTreeSet::new());
        };
        let files = git.list(id, "services")?;
        let name = |path: &String| {
            let rest = path.strip_prefix("services/")?;
            let (name, file) = rest.split_once('/')?;
            (file == "Cargo.toml").then(|| name.to_owned())
        };
        Ok(files.iter().filter_map(name).collect())
    }

    /// The proto files as they were; `None` where there were none.
    pub(super) fn proto(&self) -> Result<Option<Protos>> {
        match self {
            Self::Commit { git, id } => {
                let files = below(git.read_folder(id, PROTO)?, PROTO);
                if files.is_empty() {
                    return Ok(None);
                }
                let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
                for (name, bytes) in files {
                    let path = folder.path().join(name);
                    let parent = path.parent().unwrap_or(folder.path());
                    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
                    std::fs::write(&path, bytes).map_err(Error::io(&path))?;
                }
                Ok(Some(Protos::Made(folder)))
            }
            Self::Release { released, .. } => {
                let folder = released.proto();
                Ok(folder.is_dir().then_some(Protos::Kept(folder)))
            }
        }
    }

    /// Files of the module that differ, its proto files among them.
    pub(super) fn changed_files(&self, module: &Module) -> Result<Vec<String>> {
        let (git, id) = match self {
            Self::Commit { git, id } => (git, id.clone()),
            // From the release on: what it wrote itself is no change since.
            Self::Release {
                git: Some(git),
                released,
            } => {
                let from = || released.record.commit.clone();
                (git, released.frozen_by(git)?.unwrap_or_else(from))
            }
            Self::Release { git: None, .. } => return Ok(Vec::new()),
        };
        let own = format!("{}/", module.folder);
        let proto = format!("{PROTO}/shoal/{}/", module.name);
        let mut files = git.changed_files(&id)?;
        files.retain(|f| {
            let inside = f.strip_prefix(&own);
            let counts = |rest: &str| !NOT_THE_MODULE.iter().any(|n| rest.starts_with(n));
            inside.is_some_and(counts) || f.starts_with(&proto)
        });
        Ok(files)
    }
}

/// Paths relative to the folder.
fn below(files: BTreeMap<String, Vec<u8>>, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{folder}/");
    let short = |(path, bytes): (String, Vec<u8>)| {
        let name = path.strip_prefix(&prefix).map(str::to_owned);
        (name.unwrap_or(path), bytes)
    };
    files.into_iter().map(short).collect()
}
