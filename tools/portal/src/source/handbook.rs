//! Documents of the repository that are no module's: guides, architecture,
//! decision records, and the READMEs of the tools.

use std::fs;
use std::path::Path;

use super::{files_below, text};
use crate::error::BuildError;

/// A document.
pub(crate) struct Document {
    /// Path from the top of the repository.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// Markdown.
    pub(crate) text: String,
}

/// Where a document stands in the handbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// How to do something.
    Guide,
    /// How the platform is made.
    Reference,
    /// Why it is made so.
    Decision,
    /// How a tool is used.
    Tool,
}

impl Kind {
    /// Heading for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Guide => "Guides",
            Self::Reference => "Reference",
            Self::Decision => "Decisions",
            Self::Tool => "Tools",
        }
    }

    fn of(path: &str) -> Option<Self> {
        if !path.ends_with(".md") {
            return None;
        }
        let below = |folder: &str| path.starts_with(folder);
        match path {
            "CONTRIBUTING.md" => Some(Self::Guide),
            _ if below("docs/guides/") => Some(Self::Guide),
            _ if below("docs/adr/") => Some(Self::Decision),
            _ if below("docs/") => Some(Self::Reference),
            _ if below("tools/") && path.ends_with("/README.md") => Some(Self::Tool),
            _ => None,
        }
    }
}

/// All documents, in the order of the handbook.
pub(crate) fn read(root: &Path) -> Result<Vec<Document>, BuildError> {
    let mut paths = vec!["CONTRIBUTING.md".to_owned()];
    let below = |folder: &str| {
        files_below(&root.join(folder)).map(|files| {
            let full = files.into_iter().map(|file| format!("{folder}/{file}"));
            full.collect::<Vec<_>>()
        })
    };
    paths.extend(below("docs")?);
    for tool in folders(&root.join("tools"))? {
        paths.push(format!("tools/{tool}/README.md"));
    }
    let mut documents = Vec::new();
    for path in paths {
        let Some(kind) = Kind::of(&path) else {
            continue;
        };
        if let Some(text) = text(&root.join(&path))? {
            documents.push(Document { path, kind, text });
        }
    }
    documents.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    Ok(documents)
}

/// Pictures below `docs`.
pub(crate) fn pictures(root: &Path) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
    let mut pictures = Vec::new();
    for file in files_below(&root.join("docs"))? {
        let shown = [".png", ".svg", ".jpg"];
        if shown.iter().any(|ending| file.ends_with(ending)) {
            let path = format!("docs/{file}");
            let full = root.join(&path);
            pictures.push((path, fs::read(&full).map_err(BuildError::read(full))?));
        }
    }
    Ok(pictures)
}

fn folders(folder: &Path) -> Result<Vec<String>, BuildError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(BuildError::read(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(BuildError::read(folder))?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
