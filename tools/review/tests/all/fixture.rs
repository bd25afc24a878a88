//! A git repository with a tiny workspace: a library, a service, a benchmark.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A checkout on a branch, one commit away from main.
pub(crate) struct Checkout {
    folder: TempDir,
}

/// What the program answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

const ROOT: &str = r#"[workspace]
members = ["libs/store", "services/order", "tools/bench"]
[workspace.dependencies]
store = { path = "libs/store" }
serde = "1"
"#;

const STORE: &str = r#"[package]
name = "store"
version = "0.1.0"
[dependencies]
serde.workspace = true
"#;

const ORDER: &str = r#"[package]
name = "shoal-order"
version = "0.1.0"
[dependencies]
store.workspace = true
"#;

const BENCH: &str = r#"[package]
name = "bench"
version = "0.1.0"
[dependencies]
shoal-order = { path = "../../services/order" }
[package.metadata.benchmarks.speed]
about = "a read through everything"
command = "./bazelw run -c opt //tools/bench -- --format json"
figures = { "read: p99" = "ms", "read: rate" = "requests/s" }
"#;

const FACTS: &str = r#"{"name": "order", "version": "0.1.0", "about": "Orders.", "package": "shoal-order",
"port": 8083, "calls": [], "grpc": [], "publishes": [], "consumes": []}"#;

pub(crate) const OPENAPI: &str = r#"{
  "openapi": "3.1.0",
  "info": {"title": "order", "version": "0.1.0"},
  "paths": {
    "/order/v1/orders": {"get": {"operationId": "orders", "responses": {"200": {"description": "All."}}}},
    "/order/v1/quotes": {"get": {"operationId": "quotes", "responses": {"200": {"description": "All."}}}}
  }
}
"#;

const LOCK: &str = r#"version = 4
[[package]]
name = "shoal-order"
version = "0.1.0"
dependencies = ["store"]
[[package]]
name = "store"
version = "0.1.0"
dependencies = ["serde"]
[[package]]
name = "serde"
version = "1.0.1"
source = "registry+x"
"#;

impl Checkout {
    /// Main and a branch that is equal to it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Self { folder };
        std::fs::create_dir_all(checkout.cache()).unwrap();
        std::fs::create_dir_all(checkout.root()).unwrap();
        let files = [
            ("Cargo.toml", ROOT),
            ("Cargo.lock", LOCK),
            ("MODULE.bazel", ""),
            (".gitignore", "/.shoal/\n"),
            ("CODEOWNERS", "* @shoal/core\n"),
            ("README.md", "A workspace.\n"),
            ("cost", "10\n"),
            ("noise", "8\n"),
            ("program", "#!/bin/sh\n"),
            ("bazelw", include_str!("bazelw")),
            ("bench.sh", include_str!("bench.sh")),
            ("libs/store/Cargo.toml", STORE),
            ("libs/store/BUILD.bazel", ""),
            ("libs/store/src/lib.rs", "fn store() {}\n"),
            ("services/order/Cargo.toml", ORDER),
            ("services/order/BUILD.bazel", ""),
            (
                "services/order/CHANGELOG.md",
                "# Changelog\n\n## Unreleased\n\n- Something.\n",
            ),
            ("services/order/contract/openapi.json", OPENAPI),
            ("services/order/contract/errors.json", "[]\n"),
            ("services/order/contract/module.json", FACTS),
            ("services/order/src/lib.rs", "fn order() {}\n"),
            ("services/order/src/main.rs", "fn main() {}\n"),
            ("tools/bench/Cargo.toml", BENCH),
            ("tools/bench/BUILD.bazel", ""),
            ("tools/bench/src/main.rs", "fn main() {}\n"),
        ];
        for (path, text) in files {
            checkout.write(path, text);
        }
        for path in ["bazelw", "bench.sh"] {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(checkout.root().join(path), mode).unwrap();
        }
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.commit("Begin");
        checkout.git(&["switch", "--quiet", "--create", "change"]);
        checkout
    }

    /// A checkout whose service is changed, and whose benchmark costs `cost` then.
    pub(crate) fn changed(cost: &str) -> Self {
        let checkout = Self::new();
        checkout.write(
            "services/order/src/lib.rs",
            "fn order() { work() }\n#[test]\nfn works() {}\n",
        );
        checkout.write("cost", cost);
        checkout.commit("Change the service");
        checkout
    }

    /// Main as it may be elsewhere: `text` in `path`, before the branch began.
    pub(crate) fn with(path: &str, text: &str) -> Self {
        let checkout = Self::new();
        checkout.git(&["switch", "--quiet", "main"]);
        checkout.write(path, text);
        checkout.commit("Prepare");
        checkout.git(&["switch", "--quiet", "change"]);
        checkout.git(&["merge", "--quiet", "main"]);
        checkout
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]);
        let output = environment(&mut git, self)
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The program, at the top of the checkout.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let path = std::env::var("SHOAL_REVIEW")
            .ok()
            .or(option_env!("CARGO_BIN_EXE_shoal-review").map(str::to_owned))
            .expect("SHOAL_REVIEW names the program");
        let mut program = Command::new(std::fs::canonicalize(path).unwrap());
        environment(&mut program, self).args(arguments);
        program
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.program(arguments).output().unwrap())
    }

    /// Plans, and answers everything that the plan asks.
    pub(crate) fn planned(&self, expected: &str) -> String {
        let answer = self.run(&["plan"]);
        assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
        let plan = filled(&self.read("review-plan.md"), expected);
        self.write("review-plan.md", &plan);
        plan
    }

    /// The report that was written.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.read(".shoal/review/diff-report.json")).unwrap()
    }

    /// Worktrees that git knows besides the checkout.
    pub(crate) fn worktrees(&self) -> usize {
        self.git(&["worktree", "list", "--porcelain"])
            .lines()
            .filter(|line| line.starts_with("worktree "))
            .count()
            - 1
    }
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// That it refused, with these words.
    pub(crate) fn refuses(&self, words: &str) {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(self.out.contains(words), "not '{words}' in: {}", self.out);
    }

    /// That it accepted.
    pub(crate) fn accepts(&self) {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
    }

    /// That it could not do its work, and why.
    pub(crate) fn fails(&self, words: &str) {
        assert_eq!(self.code, Some(2), "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "not '{words}' in: {}", self.err);
    }
}

/// A plan with every blank filled in; `expected` goes to the latency, the rate's row is deleted.
pub(crate) fn filled(plan: &str, expected: &str) -> String {
    let mut text = String::new();
    for line in plan.lines() {
        let line = if line.starts_with("# ") {
            "# Review plan: orders work"
        } else if line.contains("read: rate") && line.starts_with('|') {
            continue;
        } else if line.contains("read: p99") && line.starts_with('|') {
            &format!("| speed | read: p99 | {expected} | the same work is done |")
        } else if line.starts_with("TODO") {
            "Nothing but the order service is touched, and it goes back with git revert."
        } else {
            line
        };
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn environment<'a>(command: &'a mut Command, checkout: &Checkout) -> &'a mut Command {
    let nowhere = Path::new("/dev/null");
    command
        .current_dir(checkout.root())
        .env("SHOAL_CACHE", checkout.cache())
        .env("HOME", checkout.folder.path())
        .env("GIT_CONFIG_GLOBAL", nowhere)
        .env("GIT_CONFIG_SYSTEM", nowhere)
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .env_remove("BUILD_WORKSPACE_DIRECTORY")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
}
