//! A small workspace in a temporary folder.

use std::path::Path;
use std::process::Command;

use shoal_modules::{Git, Workspace};
use tempfile::TempDir;

pub(crate) struct Scratch {
    pub(crate) folder: TempDir,
}

impl Scratch {
    /// A workspace with the modules order and billing, not in git.
    pub(crate) fn plain() -> Self {
        let scratch = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        scratch.write("MODULE.bazel", "");
        scratch.write("Cargo.toml", "[workspace]\n");
        scratch.write(
            "CODEOWNERS",
            "* @shoal/platform\n/services/order/ @shoal/order\n",
        );
        for (name, version) in [("order", "1.2.0"), ("billing", "0.1.0")] {
            scratch.write(
                &format!("services/{name}/Cargo.toml"),
                &format!("[package]\nname = \"shoal-{name}\"\ndescription = \"All about {name}.\"\nversion = \"{version}\"\n"),
            );
            scratch.write(
                &format!("services/{name}/CHANGELOG.md"),
                "# Changelog\n\n## Unreleased\n\n- something\n",
            );
        }
        scratch
    }

    /// The same in git, with one commit.
    pub(crate) fn committed() -> Self {
        let scratch = Self::plain();
        scratch.git(&["init", "-q", "-b", "main"]);
        scratch.commit("Begin");
        scratch
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::at(self.root()).unwrap()
    }

    pub(crate) fn repository(&self) -> Git {
        Git::open(self.root()).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.root().join(path)).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git_in(self.root(), arguments)
    }
}

/// Runs git with an identity and no settings of this machine.
pub(crate) fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "tag.gpgsign=false",
        ])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .env_remove("GIT_DIR")
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
