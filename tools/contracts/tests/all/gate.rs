//! Workspaces in temporary folders with a history of their own, checked as people check theirs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shoal_contracts::Options;
use shoal_contracts::check::{Outcome, Request, check};
use shoal_contracts::proto::buf::Buf;
use shoal_modules::Workspace;
use tempfile::TempDir;

/// A workspace with one commit and a work tree that differs from it.
pub(crate) struct Scene {
    pub(crate) root: TempDir,
}

impl Scene {
    /// Commits the files of `old`, then makes the work tree hold those of `new`. Values are text, or JSON.
    pub(crate) fn new(old: &Value, new: &Value) -> Self {
        let root = tempfile::tempdir().unwrap();
        let scene = Self { root };
        scene.git(&["init", "-q", "-b", "main"]);
        scene.write(old);
        scene.git(&["add", "."]);
        scene.git(&["commit", "-q", "-m", "Base"]);
        for file in old.as_object().unwrap().keys() {
            std::fs::remove_file(scene.path(file)).unwrap();
        }
        scene.prune();
        scene.write(new);
        scene
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn write(&self, files: &Value) {
        for (file, content) in files.as_object().unwrap() {
            let path = self.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = content
                .as_str()
                .map_or_else(|| content.to_string(), str::to_owned);
            std::fs::write(path, text).unwrap();
        }
    }

    /// Folders without files, which a clone would not have.
    fn prune(&self) {
        for folder in ["services", "proto"] {
            let _ = std::fs::remove_dir_all(self.path(folder));
        }
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.root.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    }

    pub(crate) fn check(
        &self,
        base: &str,
        module: Option<&str>,
    ) -> shoal_contracts::Result<Outcome> {
        let workspace = Workspace::at(self.root.path())?;
        let request = Request {
            base: base.to_owned(),
            module: module.map(str::to_owned),
            buf: Some(buf()),
            options: Options {
                today: "2026-06-01".to_owned(),
            },
        };
        check(&workspace, &request)
    }
}

/// The program that Bazel hands over; Cargo users name theirs.
pub(crate) fn buf() -> Buf {
    Buf::find(None).expect("SHOAL_BUF names the program buf, see tools/contracts/README.md")
}

/// The corpus's workspace as it stands before any change.
pub(crate) fn plain_files() -> Value {
    let text = include_str!("../../corpus/gates.json");
    let family: Value = serde_json::from_str(text).unwrap();
    family["base"].clone()
}

fn scene() -> Scene {
    let files = plain_files();
    Scene::new(&files, &files)
}

#[test]
fn a_revision_that_does_not_exist_is_an_error_and_no_clean_result() {
    let error = scene()
        .check("no-such-revision", None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-revision"), "{error}");
}

#[test]
fn a_contract_that_is_missing_is_an_error_which_names_the_command() {
    let scene = scene();
    std::fs::remove_dir_all(scene.path("services/shop/contract")).unwrap();
    let error = scene.check("HEAD", None).unwrap_err().to_string();
    assert!(error.contains("//services/shop:renew"), "{error}");
}

#[test]
fn a_contract_that_does_not_load_is_an_error_even_where_there_is_nothing_to_compare_it_with() {
    let scene = scene();
    std::fs::write(scene.path("services/shop/contract/errors.json"), "[{").unwrap();
    let error = scene.check("HEAD", None).unwrap_err().to_string();
    assert!(error.contains("errors.json: not JSON"), "{error}");
}

#[test]
fn proto_files_that_do_not_compile_are_an_error() {
    let scene = scene();
    std::fs::write(
        scene.path("proto/proto/shoal/shop/v1/shop.proto"),
        "message {",
    )
    .unwrap();
    let error = scene.check("HEAD", None).unwrap_err().to_string();
    assert!(error.contains("shop.proto"), "{error}");
}

#[test]
fn a_shallow_clone_that_lacks_the_base_says_so() {
    let scene = scene();
    scene.git(&["commit", "-q", "--allow-empty", "-m", "Second"]);
    let clones = tempfile::tempdir().unwrap();
    let from = format!("file://{}", scene.root.path().display());
    let to = clones.path().join("clone");
    let status = Command::new("git")
        .args(["clone", "-q", "--depth", "1", &from, &to.to_string_lossy()])
        .status()
        .unwrap();
    assert!(status.success());
    let workspace = Workspace::at(&to).unwrap();
    let request = Request {
        base: "HEAD~1".to_owned(),
        module: None,
        buf: Some(buf()),
        options: Options::default(),
    };
    let error = check(&workspace, &request).unwrap_err().to_string();
    assert!(error.contains("shallow"), "{error}");
}

#[test]
fn a_released_version_serves_as_the_base_of_its_module() {
    let mut files = plain_files();
    let frozen = "services/shop/releases/1.2.0";
    files[format!("{frozen}/release.json")] = serde_json::json!({
        "version": "1.2.0", "date": "2026-01-01", "commit": "HEAD", "tag": "shop/v1.2.0+build-20260101-abc",
    });
    files[format!("{frozen}/errors.json")] = files["services/shop/contract/errors.json"].clone();
    let mut broken = files.clone();
    broken["services/shop/contract/errors.json"] = serde_json::json!([]);
    let outcome = Scene::new(&files, &broken)
        .check("1.2.0", Some("shop"))
        .unwrap();
    let rules: Vec<_> = outcome.modules[0]
        .refusals
        .iter()
        .map(|f| f.rule.as_str())
        .collect();
    assert!(rules.contains(&"version-too-low"), "{rules:?}");
    assert_eq!(outcome.base, "shop/v1.2.0+build-20260101-abc");
}

#[test]
fn buf_that_is_not_there_is_an_error() {
    let error = Buf::find(Some(Path::new("/nowhere/buf")))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "/nowhere/buf: there is no buf");
}
