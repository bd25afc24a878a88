//! The checkout as a whole.

use std::path::{Path, PathBuf};

use crate::{Error, Git, Module, Owners, Result};

/// A checkout of this monorepo.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that the program was started for: `BUILD_WORKSPACE_DIRECTORY`, which `bazel run` sets, else the
    /// nearest folder at or above the current one that has a `MODULE.bazel` and a `Cargo.toml`.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`] when there is none.
    pub fn discover() -> Result<Self> {
        if let Some(root) = std::env::var_os("BUILD_WORKSPACE_DIRECTORY") {
            return Self::at(PathBuf::from(root));
        }
        let start = std::env::current_dir().map_err(|source| Error::Io {
            path: ".".into(),
            source,
        })?;
        Self::above(&start)
    }

    /// The workspace at or above a folder.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`] when there is none.
    pub fn above(start: &Path) -> Result<Self> {
        let root = start.ancestors().find(|folder| is_root(folder));
        root.map(|root| Self {
            root: root.to_owned(),
        })
        .ok_or_else(|| Error::NoWorkspace {
            start: start.to_owned(),
        })
    }

    /// The workspace whose top is this very folder.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`] when the folder is not the top of one.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if is_root(&root) {
            Ok(Self { root })
        } else {
            Err(Error::NoWorkspace { start: root })
        }
    }

    /// The top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the top folder.
    #[must_use]
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Replaces what stands after the marker `begin` (a line with its end) of a page, given by its path below the top.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the page has no such marker; when it cannot be read or written.
    pub fn renew(&self, page: &str, begin: &str, text: &str) -> Result<()> {
        let path = self.path(page);
        let whole = std::fs::read_to_string(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        let Some((own, _)) = whole.split_once(begin) else {
            return Err(Error::malformed(
                path,
                format!("it has no line {}", begin.trim()),
            ));
        };
        std::fs::write(&path, format!("{own}{begin}\n{}\n", text.trim_end()))
            .map_err(|source| Error::NotWritten { path, source })
    }

    /// Every module (each folder below `services/` that has a manifest), by name.
    ///
    /// # Errors
    /// When a manifest or CODEOWNERS cannot be read or says something else than it has to.
    pub fn modules(&self) -> Result<Vec<Module>> {
        let owners = self.owners()?;
        let services = self.root.join("services");
        let mut modules = Vec::new();
        for name in folders_of(&services)? {
            if services.join(&name).join("Cargo.toml").is_file() {
                modules.push(Module::read(&self.root, &name, &owners)?);
            }
        }
        Ok(modules)
    }

    /// The module of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchModule`], which lists those that there are; else as [`Workspace::modules`].
    pub fn module(&self, name: &str) -> Result<Module> {
        let mut modules = self.modules()?;
        match modules.iter().position(|module| module.name == name) {
            Some(at) => Ok(modules.swap_remove(at)),
            None => Err(Error::NoSuchModule {
                name: name.to_owned(),
                known: modules.into_iter().map(|module| module.name).collect(),
            }),
        }
    }

    /// Who owns which path. Without a CODEOWNERS file nobody owns anything.
    ///
    /// # Errors
    /// When the file cannot be read or has a line without an owner.
    pub fn owners(&self) -> Result<Owners> {
        let path = self.root.join("CODEOWNERS");
        match std::fs::read_to_string(&path) {
            Ok(text) => Owners::parse(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Owners::default()),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// The workspace's git repository.
    ///
    /// # Errors
    /// As [`Git::open`].
    pub fn git(&self) -> Result<Git> {
        Git::open(&self.root)
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("MODULE.bazel").is_file() && folder.join("Cargo.toml").is_file()
}

/// Names of the folders inside a folder, sorted; none when it does not exist.
pub(crate) fn folders_of(folder: &Path) -> Result<Vec<String>> {
    let wrong = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(wrong(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(wrong)?;
        if entry.path().is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// The text of a file, or `None` when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_page_keeps_what_stands_before_its_marker_and_needs_one() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_owned(),
        };
        let page = workspace.path("page.md");
        std::fs::write(&page, "# Own words\n\n<!-- made -->\n\nold\n").unwrap();
        for text in ["| new |\n\n", "| newer |"] {
            workspace.renew("page.md", "<!-- made -->\n", text).unwrap();
            let whole = std::fs::read_to_string(&page).unwrap();
            let made = text.trim_end();
            assert_eq!(whole, format!("# Own words\n\n<!-- made -->\n\n{made}\n"));
        }
        let error = workspace
            .renew("page.md", "<!-- other -->\n", "x")
            .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("page.md: it has no line <!-- other -->"),
            "{error}"
        );
        assert!(workspace.renew("nothing.md", "x", "y").is_err());
    }
}
