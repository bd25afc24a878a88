//! The contract of a version, frozen: `releases/<version>/`.

use std::collections::BTreeMap;

use shoal_modules::{Module, ReleaseRecord, Workspace};

use crate::files::{below, read};
use crate::{Error, Result, graph};

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
    for (path, content) in graph::protos_of(workspace, &module.name)? {
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
