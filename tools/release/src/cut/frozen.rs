//! The contract of a version, frozen: `releases/<version>/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use shoal_modules::{Module, ReleaseRecord, Workspace};

use crate::graph::{self, ProtoFile};
use crate::{Error, Result};

/// The generated contract as it is stamped, the proto files with all that they import, and the release's record.
pub(super) fn files(
    workspace: &Workspace,
    module: &Module,
    record: &ReleaseRecord,
    stamped: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let release = format!("{}/releases/{}", module.folder, record.version);
    let contract = format!("{}/contract", module.folder);
    let mut frozen = BTreeMap::new();
    for path in below(&module.contract())? {
        let source = format!("{contract}/{path}");
        let content = match stamped.get(&source) {
            Some(content) => content.clone(),
            None => read(&workspace.path(&source))?,
        };
        frozen.insert(format!("{release}/{path}"), content);
    }
    for path in protos(&graph::proto_files(workspace)?, &module.name) {
        let content = read(&workspace.path(graph::PROTO_ROOT).join(&path))?;
        frozen.insert(format!("{release}/proto/{path}"), content);
    }
    let record = serde_json::to_string_pretty(record)
        .map_err(|error| Error::malformed(workspace.path(&release), error.to_string()))?;
    frozen.insert(
        format!("{release}/release.json"),
        format!("{record}\n").into_bytes(),
    );
    Ok(frozen)
}

/// The module's own proto files and, through imports, all that they need. What protobuf itself brings is left out.
fn protos(all: &[ProtoFile], module: &str) -> BTreeSet<String> {
    let mut wanted: Vec<&ProtoFile> = all.iter().filter(|file| file.owner == module).collect();
    let mut found = BTreeSet::new();
    while let Some(file) = wanted.pop() {
        if found.insert(file.path.clone()) {
            wanted.extend(
                all.iter()
                    .filter(|other| file.imports.contains(&other.path)),
            );
        }
    }
    found
}

/// Paths of all files below a folder, relative to it.
fn below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let wrong = |source| Error::io(&next, source);
        for entry in std::fs::read_dir(&next).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(relative) = path.strip_prefix(folder) {
                found.push(
                    relative
                        .iter()
                        .map(|part| part.to_string_lossy())
                        .collect::<Vec<_>>()
                        .join("/"),
                );
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::io(path, source))
}
