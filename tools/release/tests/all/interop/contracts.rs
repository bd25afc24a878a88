//! Contracts that clients may hold.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use prost_reflect::DescriptorPool;
use serde_json::Value;
use shoal_modules::Workspace;

/// What a version of a module promised.
#[derive(Clone)]
pub(crate) struct Promise {
    pub(crate) module: String,
    pub(crate) version: String,
    /// Its HTTP interface.
    pub(crate) openapi: Value,
    /// Its gRPC interface.
    pub(crate) protos: BTreeMap<String, String>,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a client of {} {}", self.module, self.version)
    }
}

impl Promise {
    /// The present contract of every module, and all that were released.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for module in workspace().modules().unwrap() {
            all.extend(Self::present(&module.name));
            for released in module.releases().unwrap() {
                all.push(Self {
                    module: module.name.clone(),
                    version: released.record.version.to_string(),
                    openapi: json(&released.folder.join("openapi.json")),
                    protos: protos(&released.proto()),
                });
            }
        }
        assert!(!all.is_empty(), "no module has a contract");
        all
    }

    /// What the module promises now; `None` for one whose contract was not generated yet.
    pub(crate) fn present(module: &str) -> Option<Self> {
        let openapi = workspace()
            .module(module)
            .unwrap()
            .contract()
            .join("openapi.json");
        openapi.is_file().then(|| Self {
            module: module.to_owned(),
            version: "now".to_owned(),
            openapi: json(&openapi),
            protos: present_protos(),
        })
    }

    /// Its proto files, compiled.
    pub(crate) fn pool(&self) -> DescriptorPool {
        compile(&self.protos)
    }
}

/// The proto files of now.
pub(crate) fn present_protos() -> BTreeMap<String, String> {
    protos(&workspace().path("proto/proto"))
}

pub(crate) fn compile(protos: &BTreeMap<String, String>) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in protos {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let set = protox::compile(
        protos.keys().map(|path| folder.path().join(path)),
        [folder.path()],
    )
    .unwrap();
    DescriptorPool::from_file_descriptor_set(set).unwrap()
}

/// The files of the repository: where Bazel put them, or the checkout.
fn workspace() -> Workspace {
    let here = std::env::current_dir().unwrap();
    Workspace::above(&here).unwrap()
}

fn json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn protos(root: &Path) -> BTreeMap<String, String> {
    let (mut found, mut waiting) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(
                    relative(&path, root),
                    std::fs::read_to_string(&path).unwrap(),
                );
            }
        }
    }
    found
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}
