//! A small workspace in git: order calls billing and listens to nobody, billing announces an event.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use shoal_modules::{Git, Workspace};
use shoal_release::Error;
use shoal_release::cut::{Done, Prepared, Request};
use shoal_release::graph::{Graph, Rule};
use tempfile::TempDir;

pub(crate) struct Scratch {
    folder: TempDir,
}

pub(crate) const DAY: &str = "2026-11-23";

impl Scratch {
    pub(crate) fn new() -> Self {
        let scratch = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        scratch.write("MODULE.bazel", "");
        scratch.write(
            "CODEOWNERS",
            "* @shoal/platform\n/services/order/ @shoal/order\n",
        );
        scratch.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"proto\", \"libs/store\", \"services/billing\", \"services/order\", \"tools/up\"]\n",
        );
        scratch.write("Cargo.lock", &lock("1.1.0"));
        scratch.manifest("proto", "shoal-proto", &[]);
        scratch.manifest("libs/store", "shoal-store", &["shoal-proto"]);
        scratch.manifest(
            "services/billing",
            "shoal-billing",
            &["shoal-store", "shoal-proto"],
        );
        scratch.manifest(
            "services/order",
            "shoal-order",
            &["shoal-store", "shoal-proto"],
        );
        scratch.manifest("tools/up", "shoal-up", &["shoal-order", "shoal-billing"]);
        scratch.write("proto/proto/shoal/common/v1/money.proto", "syntax = \"proto3\";\npackage shoal.common.v1;\nimport \"google/protobuf/empty.proto\";\nmessage Money { int64 units = 1; }\n");
        for module in ["billing", "order"] {
            scratch.write(
                &format!("proto/proto/shoal/{module}/v1/{module}.proto"),
                &format!("syntax = \"proto3\";\npackage shoal.{module}.v1;\nimport \"shoal/common/v1/money.proto\";\nmessage A {{ shoal.common.v1.Money m = 1; }}\n"),
            );
            scratch.write(&format!("services/{module}/CHANGELOG.md"), "# Changelog\n\nAbout it.\n\n## Unreleased\n\n### Added\n- Something new.\n\n## 0.9.0 (2026-01-01)\n\n- First.\n");
            scratch.write(
                &format!("services/{module}/contract/config.md"),
                "# Settings\n",
            );
            scratch.write(
                &format!("services/{module}/deploy/{module}.yaml"),
                &format!("image: shoal/{module}:1.1.0\nimage: other:1.1.0\n"),
            );
            scratch.openapi(module, "1.1.0", &["/things"]);
        }
        scratch.facts("billing", |facts| {
            facts["publishes"] = json!(["billing.paid.v1"]);
        });
        scratch.facts("order", |facts| {
            facts["calls"] = json!(["billing"]);
            facts["consumes"] = json!(["billing.paid.v1"]);
        });
        scratch.write(
            "services/billing/src/lib.rs",
            "use shoal_proto::billing::v1 as pb;\n",
        );
        scratch.write("services/order/src/lib.rs", "use shoal_proto::billing::v1::billing_client;\nuse shoal_proto::events::billing::PaidV1;\n");
        scratch.git(&["init", "-q", "-b", "main"]);
        scratch.git(&["config", "user.name", "Test"]);
        scratch.git(&["config", "user.email", "test@example.com"]);
        scratch.commit("Begin");
        scratch
    }

    /// The same with order released as 1.1.0.
    pub(crate) fn with_a_release() -> Self {
        let scratch = Self::new();
        scratch.cut("order", None).unwrap();
        scratch
    }

    pub(crate) fn manifest(&self, folder: &str, name: &str, dependencies: &[&str]) {
        let list: String = dependencies
            .iter()
            .map(|name| format!("{name}.workspace = true\n"))
            .collect();
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.1.0\" # its own\ndescription = \"x\"\n\n[dependencies]\n{list}"
        );
        self.write(&format!("{folder}/Cargo.toml"), &text);
    }

    /// The module's facts, changed.
    pub(crate) fn facts(&self, module: &str, change: impl FnOnce(&mut Value)) {
        let mut facts = json!({"calls": [], "consumes": [], "grpc": [format!("shoal.{module}.v1.S")], "name": module, "publishes": [], "version": "1.1.0"});
        change(&mut facts);
        self.write(
            &format!("services/{module}/contract/module.json"),
            &format!("{facts:#}\n"),
        );
    }

    pub(crate) fn openapi(&self, module: &str, version: &str, paths: &[&str]) {
        let operation = json!({"get": {"responses": {"200": {"description": "Good."}}}});
        let paths: serde_json::Map<_, _> = paths
            .iter()
            .map(|path| ((*path).to_owned(), operation.clone()))
            .collect();
        // A version that is none stands before the right one.
        let document = json!({"components": {"schemas": {"V": {"type": "object", "default": {"version": version}}}}, "info": {"title": module, "version": version}, "openapi": "3.1.0", "paths": paths});
        self.write(
            &format!("services/{module}/contract/openapi.json"),
            &format!("{document:#}\n"),
        );
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::at(self.root()).unwrap()
    }

    pub(crate) fn cut(&self, module: &str, version: Option<&str>) -> Result<Done, Error> {
        let git = Git::open(self.root())?;
        self.prepare(module, version)?.carry_out(&git)
    }

    pub(crate) fn prepare(&self, module: &str, version: Option<&str>) -> Result<Prepared, Error> {
        let request = Request {
            module: module.to_owned(),
            version: version.map(|v| v.parse().unwrap()),
            date: DAY.to_owned(),
            buf: None,
        };
        Prepared::new(&self.workspace(), &Git::open(self.root())?, &request)
    }

    /// Why a release is refused.
    pub(crate) fn refusal(&self, module: &str, version: Option<&str>) -> String {
        match self.prepare(module, version) {
            Err(error @ Error::Refused { .. }) => error.to_string(),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    pub(crate) fn rules(&self) -> Vec<Rule> {
        Graph::of(&self.workspace())
            .unwrap()
            .violations()
            .into_iter()
            .map(|violation| violation.rule)
            .collect()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.read(path)).unwrap()
    }

    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replace(from, to));
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git_in(self.root(), arguments)
    }

    /// Everything that git sees: commits, tags and what is not committed.
    pub(crate) fn state(&self) -> String {
        [
            self.git(&["log", "--all", "--format=%H"]),
            self.git(&["tag"]),
            self.git(&["status", "--porcelain", "-uall"]),
            self.git(&["stash", "list"]),
        ]
        .join("\n--\n")
    }
}

pub(crate) fn lock(order: &str) -> String {
    let entry = |name: &str, version: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
    };
    let foreign =
        "[[package]]\nname = \"shoal-order\"\nversion = \"1.1.0\"\nsource = \"registry+x\"\n\n";
    format!(
        "# generated\nversion = 4\n\n{foreign}{}{}",
        entry("shoal-billing", "1.1.0"),
        entry("shoal-order", order)
    )
    .trim_end()
    .to_owned()
        + "\n"
}

pub(crate) fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let output: Output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
