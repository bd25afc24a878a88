//! Files as they were at a commit.

use std::collections::BTreeMap;

use super::{Git, split};
use crate::{Error, Result};

impl Git {
    /// A file's content at a revision; `None` when the revision has no such file.
    ///
    /// # Errors
    /// As [`Git::resolve`].
    pub fn show(&self, rev: &str, path: &str) -> Result<Option<Vec<u8>>> {
        let mut files = self.tree(rev, path)?;
        let Some(at) = files.iter().position(|file| file.path == path) else {
            return Ok(None);
        };
        let file = files.swap_remove(at);
        self.run(&["cat-file", "blob", &file.id]).map(Some)
    }

    /// Files below a folder (`""` for all) at a revision, sorted.
    ///
    /// # Errors
    /// As [`Git::resolve`].
    pub fn list(&self, rev: &str, folder: &str) -> Result<Vec<String>> {
        let mut paths: Vec<String> = self
            .tree(rev, folder)?
            .into_iter()
            .map(|file| file.path)
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// Files below a folder (`""` for all) at a revision with their contents, read in one go.
    ///
    /// # Errors
    /// As [`Git::resolve`].
    pub fn read_folder(&self, rev: &str, folder: &str) -> Result<BTreeMap<String, Vec<u8>>> {
        let files = self.tree(rev, folder)?;
        let wanted: String = files.iter().map(|file| format!("{}\n", file.id)).collect();
        let answer = self.run_with(&["cat-file", "--batch"], wanted.into_bytes())?;
        let mut rest = answer.as_slice();
        let mut contents = BTreeMap::new();
        for file in files {
            let content = next_object(&mut rest).ok_or_else(|| Error::Git {
                command: "cat-file --batch".to_owned(),
                message: format!(
                    "no content for {}: the clone may lack objects, `git fsck` tells",
                    file.path
                ),
            })?;
            contents.insert(file.path, content);
        }
        Ok(contents)
    }

    fn tree(&self, rev: &str, folder: &str) -> Result<Vec<Entry>> {
        let commit = self.resolve(rev)?;
        let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", &commit];
        let folder = folder.trim_end_matches('/');
        if !folder.is_empty() {
            arguments.extend(["--", folder]);
        }
        Ok(split(self.run(&arguments)?)
            .iter()
            .filter_map(|entry| Entry::parse(entry))
            .collect())
    }
}

struct Entry {
    id: String,
    path: String,
}

impl Entry {
    /// `mode SP type SP id TAB path`; links and submodules are left out.
    fn parse(entry: &str) -> Option<Self> {
        let (facts, path) = entry.split_once('\t')?;
        let mut facts = facts.split(' ');
        let (mode, kind, id) = (facts.next()?, facts.next()?, facts.next()?);
        (kind == "blob" && mode != "120000").then(|| Self {
            id: id.to_owned(),
            path: path.to_owned(),
        })
    }
}

/// Takes `id SP type SP size LF content LF` from the front of a batch's answer.
fn next_object(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let header = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = header.rsplit(' ').next()?.parse().ok()?;
    let content = rest.get(end + 1..end + 1 + size)?.to_vec();
    *rest = rest.get(end + 2 + size..)?;
    Some(content)
}
