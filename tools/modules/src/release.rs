//! What was released: `services/<name>/releases/<version>/`, written once when a version is cut.

use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::workspace::{folders_of, read_if_there};
use crate::{Error, Git, Module, Result};

/// `release.json` of a released version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// The version.
    pub version: Version,
    /// Day of the release, `YYYY-MM-DD`, UTC.
    pub date: String,
    /// Full id of the commit from which it was released: the last one before the release's own.
    pub commit: String,
    /// Its annotated tag, such as `order/v2.3.0+build-20240521-8a3f1c0`.
    pub tag: String,
}

/// A released version: its record and its frozen contract (the files of `contract/`, and `proto/`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Which version, when, from what.
    pub record: ReleaseRecord,
    /// Its folder on this machine.
    pub folder: PathBuf,
}

impl Released {
    /// All released versions of a module, newest first.
    pub(crate) fn all_of(module: &Module) -> Result<Vec<Self>> {
        let releases = module.path().join("releases");
        let mut all = Vec::new();
        for name in folders_of(&releases)? {
            let folder = releases.join(&name);
            let path = folder.join("release.json");
            let wrong = |problem: String| Error::malformed(&path, problem);
            let text = read_if_there(&path)?.ok_or_else(|| {
                wrong(
                    "missing: a release is cut with `release cut`, or its folder removed"
                        .to_owned(),
                )
            })?;
            let record: ReleaseRecord = serde_json::from_str(&text)
                .map_err(|error| wrong(format!("not the record of a release: {error}")))?;
            if record.version.to_string() != name {
                return Err(wrong(format!(
                    "it is the record of {}, but lies in the folder of {name}",
                    record.version
                )));
            }
            all.push(Self { record, folder });
        }
        all.sort_by(|a, b| b.record.version.cmp(&a.record.version));
        Ok(all)
    }

    /// The commit that brought the record, which is the release itself; `None` when this clone's history does not reach
    /// back to it. Found without tags, which a clone may lack.
    ///
    /// # Errors
    /// When git fails.
    pub fn frozen_by(&self, git: &Git) -> Result<Option<String>> {
        let path = self.folder.join("release.json");
        let path = path.strip_prefix(git.root()).unwrap_or(&path);
        match git.commits(None, "HEAD", &path.to_string_lossy()) {
            Ok(commits) => Ok(commits.into_iter().last().map(|commit| commit.id)),
            Err(Error::Shallow { .. } | Error::NoSuchRevision { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The folder of the proto files that the module offered, with all that they import.
    #[must_use]
    pub fn proto(&self) -> PathBuf {
        self.folder.join("proto")
    }
}
