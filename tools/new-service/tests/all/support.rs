//! A workspace with the lists that a module joins and nothing else.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use shoal_modules::Workspace;
use shoal_new_service::{Error, Plan};
use tempfile::TempDir;

/// Every package that the template's manifest names, as members have them locked.
const LOCKED: &str = r#"version = 4

[[package]]
name = "shoal-gateway"
version = "0.1.0"
dependencies = [
 "axum",
 "schemars",
 "serde",
 "serde_json",
 "shoal-context",
 "shoal-error",
 "shoal-proto",
 "shoal-service",
 "shoal-store",
 "shoal-testkit",
 "sqlx 0.9.0",
 "tokio",
 "tonic",
 "utoipa",
]

[[package]]
name = "shoal-up"
version = "0.1.0"
dependencies = [
 "shoal-gateway",
 "tokio",
]
"#;

const MANIFEST: &str = r#"[workspace]
members = [
    "proto",
    "services/gateway",
    "tools/up",
]

[workspace.dependencies]
axum = "0.8"

shoal-proto = { path = "proto" }
shoal-gateway = { path = "services/gateway" }
shoal-up = { path = "tools/up" }
"#;

const MODULE: &str = r#"MANIFESTS = ["//:Cargo.toml"] + [
    "//services/%s:Cargo.toml" % name
    for name in [
        "gateway",
    ]
] + [
    "//tools/%s:Cargo.toml" % name
    for name in [
        "up",
    ]
]
"#;

pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let scratch = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n");
        for (path, text) in [
            ("Cargo.toml", MANIFEST),
            ("Cargo.lock", LOCKED),
            ("MODULE.bazel", MODULE),
            (
                "CODEOWNERS",
                "* @shoal/platform\n\n/proto/proto/shoal/auth/            @shoal/auth\n\n/services/gateway/          @shoal/edge\n",
            ),
            ("proto/Cargo.toml", &package("shoal-proto")),
            (
                "proto/src/lib.rs",
                "service_contract! {\n    /// Users.\n    auth = \"shoal.auth.v1\",\n}\n",
            ),
            (
                "proto/src/events/mod.rs",
                "//! Events.\n\npub mod auth;\n\nuse serde::Serialize;\n",
            ),
            ("services/gateway/Cargo.toml", &package("shoal-gateway")),
            (
                "services/gateway/CHANGELOG.md",
                "# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n\n### Added\n- Routing.\n",
            ),
            ("services/gateway/contract/config.md", "old\n"),
            (
                "services/gateway/src/config.rs",
                "fn f() -> Vec<R> {\n    R {\n            routes: vec![\n                to(\"/auth\", \"auth\", false),\n            ],\n    }\n}\n",
            ),
            (
                "services/gateway/src/lib.rs",
                "impl M for G {\n    const PORT: u16 = 8080;\n    const PEERS: &'static [Peer] = &[\n        Peer::new(\"auth\", \"127.0.0.1:8081\"),\n    ];\n}\n",
            ),
            (
                "tools/up/Cargo.toml",
                &(package("shoal-up")
                    + "\n[dependencies]\nclap.workspace = true\nshoal-gateway.workspace = true\ntokio.workspace = true\n"),
            ),
            (
                "tools/up/src/modules.rs",
                "macro_rules! modules {\n    () => {};\n}\n\nmodules! {\n    /// Users.\n    auth: shoal_auth::Auth,\n}\n",
            ),
        ] {
            scratch.write(path, text);
        }
        scratch
    }

    /// Puts a program in the place of Bazel.
    pub(crate) fn bazel(&self, script: &str) {
        self.write("bazelw", &format!("#!/bin/sh\n{script}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.root().join("bazelw"), executable).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::at(self.root()).unwrap()
    }

    pub(crate) fn plan(&self, name: &str) -> Result<Plan, Error> {
        Plan::new(
            &self.workspace(),
            name,
            "post",
            Some("Parcels on their way."),
            None,
        )
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// Every file with its content, and every folder.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        let (mut found, mut waiting) = (BTreeMap::new(), vec![self.root().to_owned()]);
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path
                    .strip_prefix(self.root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                if path.is_dir() {
                    found.insert(name + "/", String::new());
                    waiting.push(path);
                } else {
                    found.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        found
    }
}
