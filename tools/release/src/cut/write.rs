//! Writing a release down, all of it or nothing.

use std::fs;
use std::io;
use std::path::PathBuf;

use shoal_modules::Git;

use super::Prepared;
use crate::{Error, Result};

/// A release that was made.
#[derive(Clone, Debug)]
pub struct Done {
    /// Full id of the release's commit.
    pub commit: String,
    /// Its tag.
    pub tag: String,
    /// The branch that it is on.
    pub branch: String,
}

pub(super) fn carry_out(release: &Prepared, git: &Git) -> Result<Done> {
    let head = release.record.commit.as_str();
    let mut undo = Undo {
        git,
        head,
        files: Vec::new(),
        folders: Vec::new(),
        committed: false,
    };
    let done = steps(release, git, &mut undo);
    done.map_err(|cause| match undo.run() {
        Ok(()) => cause,
        Err(left) => Error::NotTakenBack {
            cause: Box::new(cause),
            left,
        },
    })
}

fn steps(release: &Prepared, git: &Git, undo: &mut Undo<'_>) -> Result<Done> {
    for (path, content) in &release.files {
        undo.write(path, content)?;
    }
    let paths: Vec<&str> = release.files.keys().map(String::as_str).collect();
    let with = |first: &[&'static str]| -> Vec<&str> {
        first.iter().copied().chain(paths.iter().copied()).collect()
    };
    git.run(&with(&["add", "--"]))?;
    let message = format!("{}\n\n{}\n", release.title(), release.notes);
    // Only these paths, whatever else is staged.
    git.run_with(
        &with(&["commit", "-q", "--cleanup=verbatim", "-F", "-", "--"]),
        message.clone().into_bytes(),
    )?;
    undo.committed = true;
    let commit = git.resolve("HEAD")?;
    let parent = git.resolve("HEAD^")?;
    if parent != release.record.commit {
        return Err(Error::refused(
            &release.module,
            "somebody else committed at the same moment: try again",
        ));
    }
    git.run_with(
        &[
            "tag",
            "-a",
            "--cleanup=verbatim",
            "-F",
            "-",
            &release.record.tag,
            &commit,
        ],
        message.into_bytes(),
    )?;
    let branch = git
        .run(&["symbolic-ref", "--short", "HEAD"])
        .map(|name| String::from_utf8_lossy(&name).trim().to_owned())?;
    Ok(Done {
        commit,
        tag: release.record.tag.clone(),
        branch,
    })
}

/// What was done so far, and how it is undone.
struct Undo<'a> {
    git: &'a Git,
    head: &'a str,
    /// Files with what they held before; `None` for those that were not there.
    files: Vec<(String, Option<Vec<u8>>)>,
    /// Folders that were made, outer ones first.
    folders: Vec<PathBuf>,
    committed: bool,
}

impl Undo<'_> {
    fn write(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.git.root().join(path);
        let wrong = |source| Error::io(&file, source);
        let before = match fs::read(&file) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(error)),
        };
        if let Some(parent) = file.parent() {
            let missing: Vec<PathBuf> = parent
                .ancestors()
                .take_while(|folder| !folder.exists())
                .map(PathBuf::from)
                .collect();
            self.folders.extend(missing.into_iter().rev());
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        self.files.push((path.to_owned(), before));
        fs::write(&file, content).map_err(wrong)
    }

    fn run(self) -> Result<(), String> {
        let mut left = Vec::new();
        let mut note = |what: &str, result: Result<(), String>| {
            left.extend(result.err().map(|error| format!("{what}: {error}")));
        };
        if self.committed {
            let back =
                self.git
                    .run(&["update-ref", "-m", "take back a release", "HEAD", self.head]);
            note(
                "the commit",
                back.map(drop).map_err(|error| error.to_string()),
            );
        }
        for (path, before) in self.files.iter().rev() {
            let file = self.git.root().join(path);
            let back = match before {
                Some(content) => fs::write(&file, content),
                None => fs::remove_file(&file).or_else(|error| {
                    if error.kind() == io::ErrorKind::NotFound {
                        Ok(())
                    } else {
                        Err(error)
                    }
                }),
            };
            note(path, back.map_err(|error| error.to_string()));
        }
        for folder in self.folders.iter().rev() {
            // Somebody may have put something there meanwhile; that is theirs.
            drop(fs::remove_dir(folder));
        }
        let paths: Vec<&str> = ["reset", "-q", self.head, "--"]
            .into_iter()
            .chain(self.files.iter().map(|(path, _)| path.as_str()))
            .collect();
        note(
            "the index",
            self.git
                .run(&paths)
                .map(drop)
                .map_err(|error| error.to_string()),
        );
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join("; "))
        }
    }
}
