//! Writing files so that all of it can be taken back.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What was written so far.
pub(crate) struct Written {
    root: PathBuf,
    /// Files with what they held before; `None` for those that were not there.
    before: BTreeMap<String, Option<Vec<u8>>>,
    /// Folders that were not there.
    folders: Vec<PathBuf>,
}

impl Written {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            before: BTreeMap::new(),
            folders: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, path: &str, text: &str) -> Result<()> {
        let file = self.root.join(path);
        self.remember(path)?;
        if let Some(parent) = file.parent() {
            let missing = parent
                .ancestors()
                .take_while(|folder| !folder.exists())
                .map(PathBuf::from);
            self.folders.extend(missing);
            fs::create_dir_all(parent).map_err(|source| Error::io(parent, source))?;
        }
        fs::write(&file, text).map_err(|source| Error::io(file, source))
    }

    /// Keeps a file as it is now; for files that another program is going to change.
    pub(crate) fn remember(&mut self, path: &str) -> Result<()> {
        let file = self.root.join(path);
        let held = match fs::read(&file) {
            Ok(held) => Some(held),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(Error::io(file, source)),
        };
        self.before.entry(path.to_owned()).or_insert(held);
        Ok(())
    }

    /// Keeps all files below a folder as they are now.
    pub(crate) fn remember_folder(&mut self, folder: &str) -> Result<()> {
        let path = self.root.join(folder);
        if !path.is_dir() {
            return Ok(());
        }
        let wrong = |source| Error::io(&path, source);
        for entry in fs::read_dir(&path).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.remember_folder(&name)?;
            } else {
                self.remember(&name)?;
            }
        }
        Ok(())
    }

    /// Takes everything back; gives what could not be.
    pub(crate) fn undo(mut self) -> Vec<String> {
        let mut left = Vec::new();
        for (path, held) in &self.before {
            let file = self.root.join(path);
            let back = match held {
                Some(held) => restore(&file, held),
                None => ignore_missing(fs::remove_file(&file)),
            };
            left.extend(back.err().map(|error| format!("{path}: {error}")));
        }
        // What programs made inside folders of ours goes with them; inner folders were noted first or stand within.
        self.folders.sort();
        for folder in &self.folders {
            left.extend(
                ignore_missing(fs::remove_dir_all(folder))
                    .err()
                    .map(|error| format!("{}: {error}", folder.display())),
            );
        }
        left
    }
}

fn restore(file: &Path, held: &[u8]) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(file, held)
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Ok(())
        } else {
            Err(error)
        }
    })
}
