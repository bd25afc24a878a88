//! Files and folders, with errors that name them.

use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// Paths of all files below a folder, relative to it, sorted; none when there is no such folder.
pub(crate) fn below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting: Vec<_> = folder
        .is_dir()
        .then(|| folder.to_owned())
        .into_iter()
        .collect();
    while let Some(next) = waiting.pop() {
        let wrong = |source| Error::io(&next, source);
        for entry in fs::read_dir(&next).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(relative) = path.strip_prefix(folder) {
                let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::io(path, source))
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let wrong = |source| Error::io(path, source);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(wrong)?;
    }
    fs::write(path, content).map_err(wrong)
}
