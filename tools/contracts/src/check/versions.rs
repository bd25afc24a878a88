//! Whether a module's version and changelog say what its contracts do.

use semver::Version;
use serde_json::Value;
use shoal_modules::{Changelog, Module};

use super::ModuleOutcome;
use crate::bump::{Bump, needed_bump, scaled, stepped, taken};
use crate::error::Result;
use crate::report::{Draft, Finding, Report};

pub(super) fn judge(
    module: &Module,
    base_version: Option<Version>,
    changed_files: Vec<String>,
    report: Report,
) -> Result<ModuleOutcome> {
    let changelog = module.changelog()?;
    let version = promised(module, &changelog);
    let mut outcome = ModuleOutcome {
        module: module.name.clone(),
        base_version: base_version.clone(),
        version: Some(version.clone()),
        needs: Bump::None,
        has: Bump::None,
        needed_version: None,
        changed_files,
        report,
        refusals: Vec::new(),
    };
    let Some(base) = base_version else {
        return Ok(outcome);
    };
    let from = last_release(module, &base)?;
    let asked = needed_bump(&outcome.report);
    let code = if outcome.changed_files.is_empty() {
        Bump::None
    } else {
        Bump::Patch
    };
    let needs = scaled(asked, &from).max(code);
    let has = taken(&from, &version);
    outcome.needed_version = (needs > Bump::None).then(|| stepped(&from, needs));
    if version < base {
        let values = (Some(base.to_string()), Some(version.to_string()));
        outcome.refusals.extend(refusal(
            "version-went-back",
            module,
            "Cargo.toml",
            "",
            values,
        ));
    } else if asked == Bump::Major && has < needs {
        let wanted = outcome.needed_version.as_ref().map(Version::to_string);
        let subject = format!("{version} is a step of `{has}` from {from}, `{needs}` is needed");
        let values = (Some(version.to_string()), wanted);
        outcome.refusals.extend(refusal(
            "version-too-low",
            module,
            "Cargo.toml",
            &subject,
            values,
        ));
    }
    if needs > Bump::None && !tells(&changelog, &base, &version) {
        let what = "add an entry below `## Unreleased`";
        let missing = refusal(
            "changelog-entry-missing",
            module,
            "CHANGELOG.md",
            what,
            (None, None),
        );
        outcome.refusals.extend(missing);
    }
    (outcome.needs, outcome.has) = (needs, has);
    Ok(outcome)
}

/// The version in the manifest, or a greater one that the changelog plans (a heading without a date).
fn promised(module: &Module, changelog: &Changelog) -> Version {
    let planned = changelog.releases.iter().filter(|r| r.date.is_none());
    let greatest = planned.map(|r| &r.version).max();
    greatest
        .map_or(&module.version, |p| p.max(&module.version))
        .clone()
}

/// What the step is counted from: the last release, as a version that nobody has yet binds nobody.
fn last_release(module: &Module, base: &Version) -> Result<Version> {
    let releases = module.releases()?;
    let versions = releases.into_iter().map(|r| r.record.version);
    let last = versions.filter(|v| v <= base).max();
    Ok(last.unwrap_or_else(|| base.clone()))
}

/// Whether the changelog has an entry for what is not released yet.
fn tells(changelog: &Changelog, base: &Version, version: &Version) -> bool {
    let of_version = changelog.release(version).filter(|_| version > base);
    changelog.unreleased_entries() > 0 || of_version.is_some_and(|r| r.entries() > 0)
}

fn refusal(
    rule: &str,
    module: &Module,
    file: &str,
    subject: &str,
    (before, after): (Option<String>, Option<String>),
) -> Option<Finding> {
    let draft = Draft {
        rule,
        file: &format!("{}/{file}", module.folder),
        pointer: String::new(),
        subject: subject.to_owned(),
        before: before.map(Value::from),
        after: after.map(Value::from),
        used_by: &module.name,
    };
    draft.finish()
}
