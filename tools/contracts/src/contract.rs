//! A module's contract as a set of files, and what a change of it breaks.

mod catalogue;
mod facts;
mod kind;

use std::collections::BTreeMap;
use std::path::Path;

pub use kind::Kind;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::openapi::{self, Options};
use crate::report::{Draft, Report};
use crate::rules::Profile;
use crate::schema;

/// The files of a contract by their paths within it, and what to call them.
#[derive(Debug, Clone, Default)]
pub struct Contract {
    /// Put before the names of files in findings, such as `services/order/contract`.
    pub name: String,
    /// Contents by path, such as `schemas/config.json`.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Contract {
    /// Reads a folder such as `services/order/contract`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        collect(folder, "", &mut files)?;
        Ok(Self {
            name: folder.display().to_string(),
            files,
        })
    }

    /// A file as a document; `None` when the contract has no such file.
    fn document(&self, path: &str) -> Result<Option<Document>> {
        let Some(bytes) = self.files.get(path) else {
            return Ok(None);
        };
        let name = format!("{}/{path}", self.name);
        Document::parse(name, bytes).map(Some)
    }

    /// Whether there is anything to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), into)?;
        } else {
            into.insert(name, std::fs::read(&path).map_err(Error::io(&path))?);
        }
    }
    Ok(())
}

/// Compares two contracts, all parts that programs read; `config.md` and `grpc.md` are for people, and proto
/// files are compared by [`crate::proto::buf`].
///
/// # Errors
/// When a part of either is not what its name says.
pub fn diff(old: &Contract, new: &Contract, options: &Options) -> Result<Report> {
    let mut report = Report::default();
    for path in [
        "openapi.json",
        "errors.json",
        "module.json",
        "schemas/config.json",
    ] {
        let (was, is) = (old.document(path)?, new.document(path)?);
        report.merge(part(Kind::of_path(path), was, is, options)?);
    }
    let events = |c: &Contract| -> Vec<String> {
        let names = c
            .files
            .keys()
            .filter(|n| Kind::of_path(n) == Some(Kind::Event));
        names.cloned().collect()
    };
    let mut all = [events(old), events(new)].concat();
    all.sort();
    all.dedup();
    for path in &all {
        let (was, is) = (old.document(path)?, new.document(path)?);
        report.merge(part(Some(Kind::Event), was, is, options)?);
    }
    let schemas: Vec<_> = all.iter().map(|p| event_type(p)).collect();
    // An event with a schema was told above, with the schema as its place.
    report.findings.retain(|f| {
        let told = |event: &&str| f.change.starts_with(&format!("`{event}`"));
        let listed = f.rule == "event-removed" || f.rule == "event-added";
        !(listed && f.file.ends_with("module.json") && schemas.iter().any(told))
    });
    Ok(report.sorted())
}

fn part(
    kind: Option<Kind>,
    old: Option<Document>,
    new: Option<Document>,
    options: &Options,
) -> Result<Report> {
    let mut report = Report::default();
    let Some(kind) = kind else { return Ok(report) };
    let whole = |rule, document: &Document| {
        let name = document.name.rsplit('/').next().unwrap_or_default();
        let subject = if kind == Kind::Event {
            event_type(name)
        } else {
            name
        };
        let draft = Draft {
            rule,
            file: &document.name,
            pointer: String::new(),
            subject: format!("`{subject}`"),
            before: None,
            after: None,
            used_by: subject,
        };
        draft.finish()
    };
    let (removed, added) = match kind {
        Kind::Event => ("event-removed", "event-added"),
        _ => ("contract-file-removed", "contract-file-added"),
    };
    match (old, new) {
        (None, None) => {}
        (Some(old), Some(new)) => report = diff_documents(kind, &old, &new, options)?,
        (Some(old), None) => report.findings.extend(whole(removed, &old)),
        (None, Some(new)) => {
            // What is new must be readable all the same.
            diff_documents(kind, &new, &new, options)?;
            report.findings.extend(whole(added, &new));
        }
    }
    Ok(report)
}

/// Compares two documents of one kind.
///
/// # Errors
/// When either is not of that kind.
pub fn diff_documents(
    kind: Kind,
    old: &Document,
    new: &Document,
    options: &Options,
) -> Result<Report> {
    match kind {
        Kind::OpenApi => openapi::diff(old, new, options),
        Kind::Errors => catalogue::diff(old, new),
        Kind::Module => facts::diff(old, new),
        Kind::Event => diff_schema(Profile::Event, old, new),
        Kind::Setting => diff_schema(Profile::Setting, old, new),
    }
}

/// Compares two JSON Schema documents for one use.
///
/// # Errors
/// When either is not a schema of which every part can be compared.
pub fn diff_schema(profile: Profile, old: &Document, new: &Document) -> Result<Report> {
    schema::check::schema(old, &old.root())?;
    schema::check::schema(new, &new.root())?;
    let name = new.name.rsplit('/').next().unwrap_or_default();
    let used_by = event_type(name).to_owned();
    let mut report = Report::default();
    let (before, after) = ((old, Some(old.root())), (new, Some(new.root())));
    schema::diff(&mut report, profile, before, after, &used_by);
    Ok(report.sorted())
}

/// `schemas/events/order.placed.v1.json` is of the event `order.placed.v1`.
fn event_type(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".json").unwrap_or(name)
}
