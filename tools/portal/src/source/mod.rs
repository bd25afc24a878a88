//! Reads the repository into plain values. Nothing below here knows files.

mod contract;
mod handbook;

use std::fs;
use std::path::Path;

use shoal_modules::{Module, ReleaseRecord, Workspace};

pub(crate) use contract::{Contract, Download, ErrorCode, Event};
pub(crate) use handbook::{Document, Kind};

use crate::Options;
use crate::error::BuildError;

/// Everything that the site is made from.
pub(crate) struct Site {
    /// By name.
    pub(crate) services: Vec<Service>,
    /// Documents of the repository.
    pub(crate) handbook: Vec<Document>,
    /// Pictures that documents show: path from the top, content.
    pub(crate) pictures: Vec<(String, Vec<u8>)>,
}

/// A module with all its versions.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) owner: String,
    /// Markdown.
    pub(crate) readme: String,
    /// Markdown.
    pub(crate) changelog: String,
    /// What stands in the repository, then the releases, newest first.
    pub(crate) editions: Vec<Edition>,
}

/// One version of a module's contract.
pub(crate) struct Edition {
    /// Folder in the site: `current`, or the version.
    pub(crate) slug: String,
    pub(crate) version: String,
    /// `None` for what stands in the repository.
    pub(crate) release: Option<ReleaseRecord>,
    pub(crate) contract: Contract,
}

impl Site {
    /// The service of that name.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}

impl Service {
    /// What stands in the repository.
    pub(crate) fn current(&self) -> &Edition {
        // `read` puts it there before anything else.
        &self.editions[0]
    }
}

impl Edition {
    /// Name for people: `1.2.0`, or `1.2.0 (current)`.
    pub(crate) fn label(&self) -> String {
        match self.release {
            Some(_) => self.version.clone(),
            None => format!("{} (current)", self.version),
        }
    }
}

/// Reads the repository.
pub(crate) fn read(options: &Options) -> Result<Site, BuildError> {
    let root = &options.root;
    let modules = Workspace::at(root)?.modules()?;
    if modules.is_empty() {
        return Err(BuildError::NoServices(root.clone()));
    }
    let services = modules.iter().map(|module| service(options, module));
    let handbook = handbook::read(root)?;
    Ok(Site {
        services: services.collect::<Result<_, _>>()?,
        pictures: handbook::pictures(root)?,
        handbook,
    })
}

fn service(options: &Options, module: &Module) -> Result<Service, BuildError> {
    let name = &module.name;
    let folder = match options.contracts.get(name) {
        Some(folder) => folder.clone(),
        None => module.contract(),
    };
    if !folder.join("module.json").is_file() {
        return Err(BuildError::NoContract(name.clone()));
    }
    let mut editions = vec![Edition {
        slug: "current".to_owned(),
        version: module.version.to_string(),
        release: None,
        contract: Contract::read(name, &folder)?,
    }];
    for released in module.releases()? {
        editions.push(Edition {
            slug: released.record.version.to_string(),
            version: released.record.version.to_string(),
            contract: Contract::read(name, &released.folder)?,
            release: Some(released.record),
        });
    }
    Ok(Service {
        name: name.clone(),
        about: module.about.clone(),
        owner: module.owner.clone(),
        readme: text(&module.path().join("README.md"))?.unwrap_or_default(),
        changelog: text(&module.path().join("CHANGELOG.md"))?.unwrap_or_default(),
        editions,
    })
}

/// A text file; `None` when there is none.
fn text(path: &Path) -> Result<Option<String>, BuildError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BuildError::read(path)(error)),
    }
}

/// All files below a folder, as paths from it with `/`, sorted; empty when
/// there is no such folder.
fn files_below(folder: &Path) -> Result<Vec<String>, BuildError> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(relative) = open.pop() {
        let here = folder.join(&relative);
        let entries = match fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(BuildError::read(here)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(BuildError::read(&here))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if relative.is_empty() {
                name
            } else {
                format!("{relative}/{name}")
            };
            // Bazel hands files over as links, so the entry's own type says nothing.
            if folder.join(&path).is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
