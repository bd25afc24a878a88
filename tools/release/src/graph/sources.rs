//! Which contracts a module's sources really use.
//!
//! A declaration that nobody compares with the code is a wish. The contracts are one crate, so a use of another module's
//! contract is a path below `shoal_proto`; its first segments say whose. A scanner of paths is enough for that, and a
//! parser of Rust would cost a large dependency; what the scanner cannot see is a renamed import of the whole crate,
//! which therefore is told as a use of everything.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result};

const CRATE: &str = "shoal_proto";

/// Contracts that sources use, by the module that offers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Uses {
    /// Modules whose gRPC contract is used.
    pub grpc: BTreeSet<String>,
    /// Modules whose events are used.
    pub events: BTreeSet<String>,
    /// The crate of contracts is imported under another name, so that nothing can be said.
    pub renamed: bool,
}

impl Uses {
    /// Of all Rust files below a folder.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut uses = Self::default();
        if folder.is_dir() {
            uses.read_folder(folder)?;
        }
        Ok(uses)
    }

    fn read_folder(&mut self, folder: &Path) -> Result<()> {
        let wrong = |source| Error::io(folder, source);
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.is_dir() {
                self.read_folder(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text =
                    std::fs::read_to_string(&path).map_err(|source| Error::io(&path, source))?;
                self.read(&text);
            }
        }
        Ok(())
    }

    /// Adds the uses of one file.
    pub(crate) fn read(&mut self, source: &str) {
        let code: String = source
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .fold(String::new(), |all, line| all + line + " ");
        for (at, _) in code.match_indices(CRATE) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code[at + CRATE.len()..].trim_start();
            if rest.starts_with("as ") {
                self.renamed = true;
            }
            let Some(path) = rest.strip_prefix("::") else {
                continue;
            };
            for first in segments(path) {
                match first.as_str() {
                    "events" => self.events.extend(after(path, "events")),
                    "*" => self.renamed = true,
                    "common" => {}
                    other => drop(self.grpc.insert(other.to_owned())),
                }
            }
        }
        // Traits and types of all events begin in capitals; modules do not.
        self.events
            .retain(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
        self.grpc
            .retain(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    }
}

/// First segments of a path: one, or those in its braces.
fn segments(path: &str) -> Vec<String> {
    let path = path.trim_start();
    match path.strip_prefix('{') {
        Some(group) => items(group).iter().map(|item| ident(item)).collect(),
        None => vec![ident(path)],
    }
}

/// Segments that stand behind `name::` in a path or in one of the items of its braces.
fn after(path: &str, name: &str) -> Vec<String> {
    let path = path.trim_start();
    let items = match path.strip_prefix('{') {
        Some(group) => items(group),
        None => vec![path],
    };
    let behind = items.iter().filter_map(|item| {
        item.trim_start()
            .strip_prefix(name)?
            .trim_start()
            .strip_prefix("::")
    });
    behind.flat_map(segments).collect()
}

/// The items between an opening brace, which is left out, and the one that closes it.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(group[start..at].trim());
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn ident(text: &str) -> String {
    let text = text.trim_start();
    if text.starts_with('*') {
        return "*".to_owned();
    }
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(source: &str) -> Uses {
        let mut uses = Uses::default();
        uses.read(source);
        uses
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn plain_grouped_and_inline_paths_are_seen() {
        let seen = uses(
            "use shoal_proto::billing::v1::billing_service_client::BillingServiceClient;\n\
             use shoal_proto::{\n    auth::v1 as pb,\n    events::{Event, order::{A, B}, auth::C},\n    common::v1,\n};\n\
             fn f() { let x = shoal_proto::events::billing::D; }",
        );
        assert_eq!(names(&seen.grpc), ["auth", "billing"]);
        assert_eq!(names(&seen.events), ["auth", "billing", "order"]);
        assert!(!seen.renamed);
    }

    #[test]
    fn comments_and_longer_names_are_no_uses() {
        let seen = uses(
            "// shoal_proto::billing::v1\n/// [`shoal_proto::auth`]\nuse my_shoal_proto::order::v1;\nuse shoal_proto::events::Event;\n",
        );
        assert_eq!(seen, Uses::default());
    }

    #[test]
    fn a_renamed_or_wholly_imported_crate_is_told() {
        assert!(uses("use shoal_proto as p;").renamed);
        assert!(uses("use shoal_proto::*;").renamed);
    }
}
