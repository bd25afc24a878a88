//! CODEOWNERS, as far as this repository uses it: paths from the top, folders with a slash at the end, and `*`.

use std::path::Path;

use crate::{Error, Result};

/// Who owns which path; the last line that matches wins, as on the forges.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: String,
    owners: Vec<String>,
}

impl Owners {
    /// Reads the text of a CODEOWNERS file; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a pattern without an owner or of a kind that this reader does not understand.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace().map(str::to_owned);
            let Some(pattern) = words.next() else {
                continue;
            };
            let owners: Vec<String> = words.collect();
            let wrong = |problem| Error::malformed(path, format!("line {}: {problem}", at + 1));
            if owners.is_empty() {
                return Err(wrong(format!(
                    "`{pattern}` has no owner: name a team, such as @shoal/order"
                )));
            }
            if pattern != "*" && (!pattern.starts_with('/') || pattern.contains('*')) {
                return Err(wrong(format!(
                    "`{pattern}` is neither `*` nor a path from the top, such as /services/order/"
                )));
            }
            rules.push(Rule { pattern, owners });
        }
        Ok(Self { rules })
    }

    /// Owners of a path (from the top, without a slash before it), the first responsible one first.
    #[must_use]
    pub fn of(&self, path: &str) -> &[String] {
        let matching = self.rules.iter().rev().find(|rule| rule.matches(path));
        matching.map_or(&[], |rule| rule.owners.as_slice())
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let Some(pattern) = self.pattern.strip_prefix('/') else {
            return true;
        };
        match pattern.strip_suffix('/') {
            Some(folder) => path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/')),
            None => {
                path == pattern
                    || path
                        .strip_prefix(pattern)
                        .is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn owners(text: &str) -> Result<Owners> {
        Owners::parse(Path::new("CODEOWNERS"), text)
    }

    #[test]
    fn the_last_matching_line_wins() {
        let owners = owners("# all\n*  @shoal/platform\n/services/order/ @shoal/order @shoal/money # why\n/bazelw @shoal/build\n").unwrap();
        assert_eq!(
            owners.of("services/order/src/lib.rs"),
            ["@shoal/order", "@shoal/money"]
        );
        assert_eq!(owners.of("services/orders/src/lib.rs"), ["@shoal/platform"]);
        assert_eq!(owners.of("bazelw"), ["@shoal/build"]);
        assert_eq!(owners.of("bazelwrapper"), ["@shoal/platform"]);
    }

    #[test]
    fn a_line_without_owner_or_of_another_kind_is_refused_with_its_number() {
        let error = owners("* @a\n/services/order/\n").unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("no owner"),
            "{error}"
        );
        let error = owners("*.rs @a\n").unwrap_err().to_string();
        assert!(
            error.contains("line 1") && error.contains("*.rs"),
            "{error}"
        );
    }
}
