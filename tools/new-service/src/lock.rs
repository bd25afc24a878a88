//! The new module's entry in Cargo.lock.
//!
//! Cargo would write it, but Cargo may want the net for that, and Bazel takes the file as it is. Every dependency of the
//! template is one that another member has, so each is already locked, and the way its name is written (with a version
//! where there are several) can be taken from there.

use std::collections::BTreeSet;

use toml::Value;

use crate::{Error, Result};

/// The file with the module's entry, and the module among the dependencies of `users`.
pub(crate) fn join(
    lock: &str,
    package: &str,
    dependencies: &BTreeSet<String>,
    users: &[&str],
) -> Result<String> {
    let wrong = |problem: &str| Error::NoPlace {
        file: "Cargo.lock".to_owned(),
        problem: problem.to_owned(),
        wanted: package.to_owned(),
    };
    let table: toml::Table = lock.parse().map_err(|_| wrong("it is not TOML"))?;
    let packages = table
        .get("package")
        .and_then(Value::as_array)
        .ok_or_else(|| wrong("it has no packages"))?;
    let written = spellings(packages);
    let mut lines = Vec::new();
    for name in dependencies {
        let spelling = written
            .iter()
            .find(|text| text.split(' ').next() == Some(name));
        lines.push(
            spelling
                .ok_or_else(|| wrong(&format!("no member depends on {name}")))?
                .clone(),
        );
    }
    lines.sort();
    let list: String = lines.iter().map(|name| format!(" \"{name}\",\n")).collect();
    let entry = format!(
        "[[package]]\nname = \"{package}\"\nversion = \"0.1.0\"\ndependencies = [\n{list}]\n"
    );
    let mut text =
        placed(lock, package, &entry).ok_or_else(|| wrong("its packages are not sorted"))?;
    for user in users {
        text = depend(&text, user, package)
            .ok_or_else(|| wrong(&format!("{user} has no list of dependencies")))?;
    }
    Ok(text)
}

/// How members write their dependencies.
fn spellings(packages: &[Value]) -> BTreeSet<String> {
    let members = packages
        .iter()
        .filter(|package| package.get("source").is_none());
    let lists = members.filter_map(|package| package.get("dependencies")?.as_array());
    lists
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The entry before the first one with a greater name.
fn placed(lock: &str, package: &str, entry: &str) -> Option<String> {
    const START: &str = "[[package]]\nname = \"";
    let next = lock.match_indices(START).find(|(at, _)| {
        let name = lock[at + START.len()..]
            .split('"')
            .next()
            .unwrap_or_default();
        name > package
    });
    let at = next.map_or(lock.len(), |(at, _)| at);
    let before = lock.get(..at)?.trim_end();
    let after = lock.get(at..)?;
    let gap = if after.is_empty() { "" } else { "\n" };
    Some(format!("{before}\n\n{entry}{gap}{after}"))
}

fn depend(lock: &str, user: &str, package: &str) -> Option<String> {
    let start = lock.find(&format!("[[package]]\nname = \"{user}\"\n"))?;
    let end = start + lock[start..].find("\n]\n")? + "\n]\n".len();
    let entry = crate::lists::sorted(
        &lock[start..end],
        "dependencies = [",
        |line| line.starts_with(" \""),
        &format!(" \"{package}\","),
    )?;
    Some(format!("{}{entry}{}", &lock[..start], &lock[end..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"rand\"\nversion = \"0.10.0\"\nsource = \"r\"\n\n\
                        [[package]]\nname = \"shoal-order\"\nversion = \"0.1.0\"\ndependencies = [\n \"rand 0.10.0\",\n \"serde\",\n]\n\n\
                        [[package]]\nname = \"shoal-up\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n \"shoal-order\",\n]\n";

    #[test]
    fn the_entry_is_as_cargo_would_write_it() {
        let dependencies = ["rand", "serde"].map(str::to_owned).into();
        let joined = join(LOCK, "shoal-gift", &dependencies, &["shoal-up"]).unwrap();
        let expected = LOCK
            .replace("[[package]]\nname = \"shoal-order\"", "[[package]]\nname = \"shoal-gift\"\nversion = \"0.1.0\"\ndependencies = [\n \"rand 0.10.0\",\n \"serde\",\n]\n\n[[package]]\nname = \"shoal-order\"")
            .replace(" \"serde\",\n \"shoal-order\"", " \"serde\",\n \"shoal-gift\",\n \"shoal-order\"");
        assert_eq!(joined, expected);
    }

    #[test]
    fn the_last_entry_ends_the_file() {
        let joined = join(LOCK, "shoal-zebra", &["serde".to_owned()].into(), &[]).unwrap();
        assert!(
            joined.starts_with(LOCK.trim_end()) && joined.ends_with("[\n \"serde\",\n]\n"),
            "{joined}"
        );
    }

    #[test]
    fn a_dependency_that_nobody_has_is_refused() {
        let error = join(LOCK, "shoal-gift", &["hyper".to_owned()].into(), &[]).unwrap_err();
        assert!(error.to_string().contains("hyper"), "{error}");
    }
}
