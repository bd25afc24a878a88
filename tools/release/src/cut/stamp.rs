//! Files that carry a version or a date, with the new one.
//!
//! Each is edited as text, so that what people wrote stays as they wrote it, and what was edited is read again to prove
//! that nothing else changed.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;
use serde_json::Value;
use shoal_modules::{Changelog, Module, ReleaseRecord, Workspace};

use crate::{Error, Result};

/// Changed files by path from the top; files that stay as they are, are left out.
pub(super) fn files(
    workspace: &Workspace,
    module: &Module,
    record: &ReleaseRecord,
    notes: &str,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut changed = BTreeMap::new();
    let mut edit = |path: String, with: &dyn Fn(&Path, &str) -> Result<String>| -> Result<()> {
        let file = workspace.path(&path);
        let text = std::fs::read_to_string(&file).map_err(|source| Error::io(&file, source))?;
        let new = with(&file, &text)?;
        if new != text {
            changed.insert(path, new.into_bytes());
        }
        Ok(())
    };
    let folder = &module.folder;
    let (old, new) = (&module.version, &record.version);
    edit(format!("{folder}/CHANGELOG.md"), &|file, text| {
        changelog(file, text, record, notes)
    })?;
    edit(format!("{folder}/Cargo.toml"), &|file, text| {
        manifest(file, text, new)
    })?;
    edit("Cargo.lock".to_owned(), &|file, text| {
        lock(file, text, &module.package, new)
    })?;
    edit(format!("{folder}/contract/openapi.json"), &|file, text| {
        json(file, text, &["info", "version"], old, new)
    })?;
    edit(format!("{folder}/contract/module.json"), &|file, text| {
        json(file, text, &["version"], old, new)
    })?;
    for file in manifests_of(module)? {
        let image = |version: &Version| format!("image: shoal/{}:{version}", module.name);
        edit(format!("{folder}/deploy/{file}"), &|_, text| {
            Ok(text.replace(&image(old), &image(new)))
        })?;
    }
    Ok(changed)
}

/// Puts what was unreleased below the version's heading and leaves an empty `Unreleased` above it.
fn changelog(file: &Path, text: &str, record: &ReleaseRecord, notes: &str) -> Result<String> {
    let log = Changelog::parse(file, text)?;
    let lines: Vec<&str> = text.lines().collect();
    let planned = log.release(&record.version).map(|release| release.line);
    let first = log
        .unreleased
        .as_ref()
        .map(|section| section.line)
        .or(planned);
    let first = first.ok_or_else(|| Error::malformed(file, "there is no `## Unreleased`"))?;
    // Both sections stand at the top, one behind the other; what follows them stays.
    let kept = log
        .releases
        .iter()
        .filter(|release| release.version != record.version)
        .map(|release| release.line)
        .min();
    let rest = kept.map_or("", |line| tail(text, &lines, line));
    let head = lines[..first - 1].join("\n");
    let mut new = format!(
        "{}\n\n## Unreleased\n\n## {} ({})\n\n{notes}\n",
        head.trim_end(),
        record.version,
        record.date
    );
    if !rest.is_empty() {
        new.push('\n');
        new.push_str(rest);
    }
    let again = Changelog::parse(file, &new)?;
    let right = again.release(&record.version).is_some_and(|release| {
        release.body == notes.trim() && release.date.as_ref() == Some(&record.date)
    });
    if !right || again.releases.len() != log.releases.len() + usize::from(planned.is_none()) {
        return Err(Error::malformed(
            file,
            "its sections could not be moved: put `## Unreleased` first and the versions newest first",
        ));
    }
    Ok(new)
}

/// The text from a line (counted from 1) on, as it is written.
fn tail<'a>(text: &'a str, lines: &[&str], line: usize) -> &'a str {
    let before: usize = lines[..line - 1].iter().map(|line| line.len() + 1).sum();
    text.get(before..).unwrap_or_default()
}

fn manifest(file: &Path, text: &str, version: &Version) -> Result<String> {
    let mut document = parse(file, text)?;
    document["package"]["version"] = stamped(&document["package"]["version"], version);
    Ok(document.to_string())
}

fn lock(file: &Path, text: &str, package: &str, version: &Version) -> Result<String> {
    let mut document = parse(file, text)?;
    let packages = document
        .get_mut("package")
        .and_then(toml_edit::Item::as_array_of_tables_mut);
    let own = packages.and_then(|all| {
        all.iter_mut().find(|entry| {
            entry.get("name").and_then(toml_edit::Item::as_str) == Some(package)
                && !entry.contains_key("source")
        })
    });
    let own = own.ok_or_else(|| {
        Error::malformed(
            file,
            format!("it has no entry for {package}: run `cargo metadata` once and commit the file"),
        )
    })?;
    own["version"] = stamped(&own["version"], version);
    Ok(document.to_string())
}

/// The new version with the blanks and comments of the old one.
fn stamped(old: &toml_edit::Item, version: &Version) -> toml_edit::Item {
    let mut new = toml_edit::Value::from(version.to_string());
    if let Some(value) = old.as_value() {
        *new.decor_mut() = value.decor().clone();
    }
    toml_edit::Item::Value(new)
}

fn parse(file: &Path, text: &str) -> Result<toml_edit::DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        Error::malformed(file, format!("not TOML: {}", error.message()))
    })
}

/// Sets one version in a generated document, whose form a generator decides, so by its line alone.
fn json(file: &Path, text: &str, pointer: &[&str], old: &Version, new: &Version) -> Result<String> {
    let wrong = |problem: &str| {
        Error::malformed(file, format!("{problem}: renew the contract and commit it"))
    };
    let mut expected: Value = serde_json::from_str(text).map_err(|_| wrong("not JSON"))?;
    let at = format!("/{}", pointer.join("/"));
    let value = expected
        .pointer_mut(&at)
        .ok_or_else(|| wrong("it has no version"))?;
    if value.as_str() != Some(old.to_string().as_str()) {
        return Err(wrong("its version is not that of the manifest"));
    }
    *value = Value::String(new.to_string());
    let (from, to) = (
        format!("\"version\": \"{old}\""),
        format!("\"version\": \"{new}\""),
    );
    let candidates = text
        .match_indices(&from)
        .map(|(at, _)| format!("{}{to}{}", &text[..at], &text[at + from.len()..]));
    let same = |candidate: &String| {
        serde_json::from_str::<Value>(candidate).is_ok_and(|value| value == expected)
    };
    candidates
        .into_iter()
        .find(same)
        .ok_or_else(|| wrong("its version could not be set"))
}

/// Names of the files in the module's `deploy/`.
fn manifests_of(module: &Module) -> Result<Vec<String>> {
    let folder = module.path().join("deploy");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let wrong = |source| Error::io(&folder, source);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        names.extend(
            path.file_name()
                .filter(|_| yaml)
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}
