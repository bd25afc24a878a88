//! Worktrees of base and head, away from the checkout.
//!
//! They lie at the same place each time, so that Bazel finds its output folder
//! again and a second report builds little; they are gone when the report is
//! done, however it ends.

use std::fs::{File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use shoal_modules::Git;

use crate::error::{Error, Result};

/// Worktrees that are removed when this is dropped.
#[derive(Debug)]
pub struct Worktrees {
    git: Git,
    folder: PathBuf,
    made: Vec<PathBuf>,
    /// Held until the end: one report at a time.
    _lock: File,
}

impl Worktrees {
    /// Takes the place for this checkout's worktrees.
    ///
    /// # Errors
    /// [`Error::Busy`] when another report has it.
    pub fn open(git: &Git) -> Result<Self> {
        let folder = place(git.root())?;
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy(path)),
            Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
        }
        Ok(Self {
            git: git.clone(),
            folder,
            made: Vec::new(),
            _lock: lock,
        })
    }

    /// A worktree of that commit; one that an earlier report could not remove gives way.
    ///
    /// # Errors
    /// When git cannot make it.
    pub fn add(&mut self, name: &str, commit: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        remove(&self.git, &path);
        self.made.push(path.clone());
        let target = path.to_string_lossy().into_owned();
        // A hook of the checkout has no business here.
        self.git.run(&[
            "-c",
            "core.hooksPath=/dev/null",
            "worktree",
            "add",
            "--quiet",
            "--force",
            "--detach",
            &target,
            commit,
        ])?;
        Ok(path)
    }

    /// The worktrees that there are.
    pub fn made(&self) -> &[PathBuf] {
        &self.made
    }
}

impl Drop for Worktrees {
    fn drop(&mut self) {
        for path in &self.made {
            remove(&self.git, path);
        }
    }
}

/// What is not there, or not a worktree any more, is as good as removed.
fn remove(git: &Git, path: &Path) {
    let target = path.to_string_lossy().into_owned();
    let _ = git.run(&["worktree", "remove", "--force", "--force", &target]);
    let _ = std::fs::remove_dir_all(path);
    let _ = git.run(&["worktree", "prune"]);
}

/// In the cache folder that the build uses as well, by the checkout's path.
fn place(root: &Path) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("SHOAL_CACHE").map(PathBuf::from).or_else(|| {
        let user = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let user = user.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
        user.map(|user| user.join("shoal"))
    });
    let cache = cache.unwrap_or_else(|| std::env::temp_dir().join("shoal"));
    let root = std::fs::canonicalize(root).map_err(Error::io(root))?;
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    Ok(cache
        .join("review")
        .join(format!("{:016x}", hasher.finish())))
}
