//! The finished files: hashed names, compressed twins, sizes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::error::BuildError;

/// Lists the files with their tags, for whoever serves them; also marks a
/// folder as ours, so that a mistyped `--out` deletes nothing.
const MANIFEST: &str = "portal.json";

/// Below this, the header of a compressed answer costs what it saves.
const WORTH_COMPRESSING: usize = 1024;

/// Files of the site by path.
#[derive(Debug, Default)]
pub(crate) struct Output {
    files: BTreeMap<String, Vec<u8>>,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Number of HTML pages.
    pub pages: usize,
    /// Sizes by part; the last is the sum.
    pub parts: Vec<Part>,
}

/// Size of a part of the site.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which part.
    pub name: &'static str,
    /// Bytes.
    pub raw: usize,
    /// Bytes as they travel.
    pub gzip: usize,
}

impl Output {
    /// Adds a file.
    pub(crate) fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), content.into());
    }

    /// Adds a file whose name changes with its content, so that it may be
    /// cached for ever; gives its path.
    pub(crate) fn add_hashed(
        &mut self,
        stem: &str,
        ending: &str,
        content: impl Into<Vec<u8>>,
    ) -> String {
        let content = content.into();
        let path = format!("{stem}.{}.{ending}", hash(&content));
        self.files.insert(path.clone(), content);
        path
    }

    /// All files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// Whether a file is part of the site.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Writes the site, replacing an older one.
    pub(crate) fn write(self, folder: &Path) -> Result<Summary, BuildError> {
        make_room(folder)?;
        let mut summary = Summary {
            pages: 0,
            parts: PARTS
                .iter()
                .map(|(name, _)| Part {
                    name,
                    raw: 0,
                    gzip: 0,
                })
                .collect(),
        };
        let mut manifest = BTreeMap::new();
        for (path, content) in &self.files {
            let target = folder.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(BuildError::write(parent))?;
            }
            fs::write(&target, content).map_err(BuildError::write(&target))?;
            let gzip = compressed(path, content).map_err(BuildError::write(&target))?;
            if let Some(gzip) = &gzip {
                let twin = folder.join(format!("{path}.gz"));
                fs::write(&twin, gzip).map_err(BuildError::write(&twin))?;
            }
            let tag = hash(content);
            manifest.insert(path, json!({ "tag": tag, "gzip": gzip.is_some() }));
            summary.count(
                path,
                content.len(),
                gzip.map_or(content.len(), |gzip| gzip.len()),
            );
        }
        // Last, so that an interrupted run is not served.
        let path = folder.join(MANIFEST);
        let text = json!({ "files": manifest }).to_string();
        fs::write(&path, text).map_err(BuildError::write(&path))?;
        summary.add_up();
        Ok(summary)
    }
}

/// Whether a path belongs to a part.
type Belongs = fn(&str) -> bool;

/// Parts and how their paths are told.
const PARTS: &[(&str, Belongs)] = &[
    ("pages", |path| path.ends_with(".html")),
    ("API reference component", |path| {
        path.starts_with("assets/scalar.")
    }),
    ("search component, index", |path| {
        path.starts_with("assets/minisearch.") || path.starts_with("assets/search-")
    }),
    ("own styles and scripts", |path| {
        path.starts_with("assets/") && (path.ends_with(".css") || path.ends_with(".js"))
    }),
    ("API documents for pages", |path| path.starts_with("data/")),
    ("downloads and others", |_| true),
];

impl Summary {
    fn count(&mut self, path: &str, raw: usize, gzip: usize) {
        self.pages += usize::from(path.ends_with(".html"));
        let part = PARTS.iter().position(|(_, is)| is(path));
        if let Some(part) = part.and_then(|i| self.parts.get_mut(i)) {
            part.raw += raw;
            part.gzip += gzip;
        }
    }

    fn add_up(&mut self) {
        let sum = |of: fn(&Part) -> usize| self.parts.iter().map(of).sum();
        let all = Part {
            name: "all",
            raw: sum(|part| part.raw),
            gzip: sum(|part| part.gzip),
        };
        self.parts.push(all);
    }
}

/// Enough of the content's hash to tell versions of one file apart.
fn hash(content: &[u8]) -> String {
    hex::encode(&Sha256::digest(content)[..6])
}

fn make_room(folder: &Path) -> Result<(), BuildError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if !folder.join(MANIFEST).exists() && entries.next().is_some() {
                return Err(BuildError::Occupied(folder.to_owned()));
            }
            // The folder itself may be given by somebody, as Bazel does.
            for entry in fs::read_dir(folder).map_err(BuildError::read(folder))? {
                let path = entry.map_err(BuildError::read(folder))?.path();
                let removed = if path.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.map_err(BuildError::write(&path))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(BuildError::write(folder))?;
        }
        Err(error) => return Err(BuildError::read(folder)(error)),
    }
    Ok(())
}

/// The file as it travels, when that is smaller.
fn compressed(path: &str, content: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let text = ["html", "css", "js", "json", "svg", "md", "proto", "txt"];
    let is_text = path
        .rsplit_once('.')
        .is_some_and(|(_, ending)| text.contains(&ending));
    if !is_text || content.len() < WORTH_COMPRESSING {
        return Ok(None);
    }
    // The header holds no time and no name, so equal input gives equal bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    Ok(Some(encoder.finish()?))
}
