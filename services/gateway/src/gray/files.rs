//! The rules file and the last good copy of it.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shoal_routing::RuleSet;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::audit::Trail;
use crate::config::GrayConfig;

/// Largest rules file: 64 rules with all that they may hold are less.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Why the file is not what counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) at_ms: i64,
    pub(crate) revision: String,
    pub(crate) problem: String,
}

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    rules: PathBuf,
    /// Whether a person named the file: then it should be there.
    named: bool,
    last_good: PathBuf,
    trail: Trail,
}

impl Files {
    pub(crate) fn new(config: &GrayConfig, data_dir: &Path) -> Self {
        let folder = data_dir.join("gray");
        let named = !config.rules_file.is_empty();
        let rules = if named {
            PathBuf::from(&config.rules_file)
        } else {
            folder.join("rules.toml")
        };
        Self {
            rules,
            named,
            last_good: folder.join("last-good.toml"),
            trail: Trail::new(&folder),
        }
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    pub(crate) fn path(&self) -> &Path {
        &self.rules
    }

    /// The text of the rules file. A file that nobody named may be missing,
    /// which is no rules.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn text(&self) -> Result<String, String> {
        match read(&self.rules).await {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.named => {
                Ok(String::new())
            }
            Err(error) => Err(format!(
                "the rules file {} cannot be read: {error}",
                self.rules.display()
            )),
        }
    }

    /// The text that counted last before the process ended, if any is kept.
    pub(crate) async fn last_good(&self) -> Option<String> {
        read(&self.last_good).await.ok()
    }

    /// Keeps a text that counts now.
    pub(crate) async fn keep_good(&self, text: &str) -> io::Result<()> {
        write(&self.last_good, text).await
    }

    /// Writes the rules file.
    pub(crate) async fn write_rules(&self, text: &str) -> io::Result<()> {
        write(&self.rules, text).await
    }
}

/// Rules from the text of a file.
///
/// # Errors
/// A sentence with line and column.
pub(crate) fn parse(text: &str) -> Result<RuleSet, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let place = error.span().map_or_else(String::new, |span| {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, str::len) + 1;
            format!("line {line}, column {column}: ")
        });
        format!("{place}{}", error.message())
    })
}

/// A short name of a text: the first 16 hex digits of its SHA-256.
pub(crate) fn revision(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

async fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut file = File::open(path).await?.take(MAX_FILE + 1);
    file.read_to_string(&mut text).await?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_FILE} bytes"
        )));
    }
    Ok(text)
}

/// Writes beside and renames, so that a reader finds the old text or the new.
async fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await?;
    }
    let draft = path.with_extension("toml.draft");
    let mut file = File::create(&draft).await?;
    file.write_all(text.as_bytes()).await?;
    file.sync_all().await?;
    fs::rename(&draft, path).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mistake_is_told_with_line_and_column() {
        let text = "[[rules]]\nname = \"a\"\ncolour = \"v2\"\nwhen.percnt = 5\n";
        let problem = parse(text).unwrap_err();
        assert!(problem.starts_with("line 4, column 6: "), "{problem}");
        assert!(problem.contains("percnt"), "{problem}");
        let problem = parse("[[rules\n").unwrap_err();
        assert!(problem.starts_with("line 1, column "), "{problem}");
    }

    proptest! {
        #[test]
        fn no_text_at_all_makes_reading_it_panic(
            head in "\\PC{0,30}", key in "[a-z.]{0,9}", value in "\\PC{0,20}",
        ) {
            for text in [
                head.clone(),
                format!("[[rules]]\nname = \"a\"\n{key} = {value}\n{head}"),
                format!("[[rules]]\nname = \"{head}\"\nwhen.{key} = \"{value}\"\n"),
            ] {
                if let Ok(set) = parse(&text) {
                    let _ = shoal_routing::Rules::new(set, &Default::default());
                }
            }
        }
    }

    #[test]
    fn a_revision_names_the_text() {
        assert_eq!(revision("test"), "9f86d081884c7d65");
        assert_ne!(revision(""), revision(" "));
    }
}
