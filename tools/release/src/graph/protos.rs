//! Proto files and what they import.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shoal_modules::Workspace;

use crate::{Error, Result};

/// Folder to which imports are relative, from the top.
pub(crate) const ROOT: &str = "proto/proto";

/// A proto file.
#[derive(Clone, Debug, Serialize)]
pub struct ProtoFile {
    /// As others import it: `shoal/order/v1/order.proto`.
    pub path: String,
    /// Whose it is: a module's name, or `common`.
    pub owner: String,
    /// What it imports.
    pub imports: Vec<String>,
}

/// Every proto file of the workspace.
pub(super) fn files(workspace: &Workspace) -> Result<Vec<ProtoFile>> {
    let root = workspace.path(ROOT);
    let mut paths = Vec::new();
    if root.is_dir() {
        collect(&root, &mut paths)?;
    }
    paths.sort();
    paths.iter().map(|path| file(&root, path)).collect()
}

fn file(root: &Path, path: &Path) -> Result<ProtoFile> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let owner = match parts.as_slice() {
        [shoal, owner, _, ..] if shoal == "shoal" => owner.clone(),
        _ => {
            return Err(Error::malformed(
                path,
                "a proto file lies in shoal/<module>/<version>/",
            ));
        }
    };
    let source = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    let parsed = protox::file::File::from_source(&parts.join("/"), &source)
        .map_err(|error| Error::malformed(path, format!("not a proto file: {error}")))?;
    let imports = parsed.file_descriptor_proto().dependency.clone();
    Ok(ProtoFile {
        path: parts.join("/"),
        owner,
        imports,
    })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let wrong = |source| Error::io(folder, source);
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            into.push(path);
        }
    }
    Ok(())
}

/// Contents of a module's own proto files and, through imports, of all that they need, by path. What protobuf itself
/// brings is left out.
pub(crate) fn protos_of(workspace: &Workspace, module: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let all = files(workspace)?;
    let mut wanted: Vec<&ProtoFile> = all.iter().filter(|file| file.owner == module).collect();
    let mut found = BTreeMap::new();
    while let Some(file) = wanted.pop() {
        if !found.contains_key(&file.path) {
            let content = crate::files::read(&workspace.path(ROOT).join(&file.path))?;
            found.insert(file.path.clone(), content);
            wanted.extend(
                all.iter()
                    .filter(|other| file.imports.contains(&other.path)),
            );
        }
    }
    Ok(found)
}
