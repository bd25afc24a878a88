//! `portal.json`: what the site holds, written by whoever built it.

use std::collections::HashMap;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

const NAME: &str = "portal.json";

/// Files of the site by path.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Index {
    files: HashMap<String, File>,
    #[serde(skip)]
    made: Option<SystemTime>,
}

/// What is known of a file.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    /// Changes with its content.
    pub(super) tag: String,
    /// A compressed twin lies beside it.
    pub(super) gzip: bool,
}

impl Index {
    /// Reads the index of a site.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(NAME);
        let shown = folder.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            format!("the folder {shown} holds no built documentation ({NAME}: {error})")
        })?;
        let mut index: Self = serde_json::from_str(&text).map_err(|error| {
            format!("{NAME} in {shown} is not an index of documentation: {error}")
        })?;
        index.made = std::fs::metadata(&path)
            .and_then(|data| data.modified())
            .ok();
        Ok(index)
    }

    /// When the index on disk was written.
    pub(super) async fn changed(folder: &Path) -> Option<SystemTime> {
        super::written(&folder.join(NAME)).await
    }

    /// When this index was written.
    pub(super) fn made(&self) -> Option<SystemTime> {
        self.made
    }

    /// The file for a path below the top: itself, a page named without its
    /// ending, or the first page of a folder.
    pub(super) fn find(&self, path: &str) -> Option<(&str, &File)> {
        let names = match path {
            "" => vec!["index.html".to_owned()],
            folder if folder.ends_with('/') => vec![format!("{folder}index.html")],
            page => vec![page.to_owned(), format!("{page}.html")],
        };
        let mut found = names
            .iter()
            .filter_map(|name| self.files.get_key_value(name.as_str()));
        found.next().map(|(name, file)| (name.as_str(), file))
    }
}

/// Whether a file's name carries its tag.
pub(super) fn is_hashed(name: &str, tag: &str) -> bool {
    name.split('.').any(|part| part == tag)
}
