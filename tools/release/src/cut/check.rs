//! Whether a release may be made.

use semver::Version;
use shoal_modules::{Git, Module, Workspace};

use super::Request;
use crate::bump::{self, Bump, is_releasable};
use crate::pending::Pending;
use crate::standing::{Standing, Verdict, scope};
use crate::{Error, Result};

/// What was found to be right.
pub(super) struct Checked {
    pub(super) version: Version,
    /// Full id of the commit that is released.
    pub(super) commit: String,
    /// What the changelog says of the release.
    pub(super) notes: String,
}

pub(super) fn check(
    workspace: &Workspace,
    module: &Module,
    git: &Git,
    request: &Request,
) -> Result<Checked> {
    let refuse = |reason: String| Error::refused(&module.name, reason);
    if !is_date(&request.date) {
        return Err(refuse(format!(
            "`{}` is not a day such as 2026-11-23",
            request.date
        )));
    }
    if git.is_shallow() {
        return Err(refuse("this clone is shallow, so earlier releases may be hidden: run `git fetch --unshallow --tags` and try again".to_owned()));
    }
    let commit = git.resolve("HEAD")?;
    if git.run(&["symbolic-ref", "--quiet", "HEAD"]).is_err() {
        return Err(refuse("no branch is checked out, so the release's commit would be lost: check out the branch that it belongs to".to_owned()));
    }
    clean(module, git)?;
    let standing = Standing::of(workspace, module, Ok(git), request.buf.as_ref())?;
    contract_is_current(module)?;
    let version = version(&standing, request)?;
    not_taken(module, git, &version)?;
    let pending = Pending::of(&module.changelog()?, &version);
    if pending.entries == 0 {
        return Err(refuse("its changelog has no entry below `## Unreleased`: say there what changed for those who use it".to_owned()));
    }
    Ok(Checked {
        version,
        commit,
        notes: pending.body,
    })
}

/// Whatever the release reads or writes must be what the commit holds.
fn clean(module: &Module, git: &Git) -> Result<()> {
    let mut dirty = Vec::new();
    for path in scope(module)
        .iter()
        .map(String::as_str)
        .chain(["proto/proto/shoal/common/", "Cargo.lock"])
    {
        dirty.extend(git.dirty(path)?);
    }
    match dirty.as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            Err(Error::refused(
                &module.name,
                format!("{first}{more} differ from the last commit: commit or put them away first"),
            ))
        }
    }
}

fn contract_is_current(module: &Module) -> Result<()> {
    let renew = format!(
        "run `./bazelw run //services/{}:renew` and commit",
        module.name
    );
    let facts = module.facts()?.ok_or_else(|| {
        Error::refused(
            &module.name,
            format!("it has no generated contract: {renew}"),
        )
    })?;
    if facts.version == module.version.to_string() {
        return Ok(());
    }
    let text = format!(
        "its contract is of version {}, its manifest of {}: {renew}",
        facts.version, module.version
    );
    Err(Error::refused(&module.name, text))
}

fn version(standing: &Standing, request: &Request) -> Result<Version> {
    let refuse = |reason: String| Error::refused(&standing.name, reason);
    let Some(version) = &request.version else {
        return match standing.verdict() {
            Verdict::Ready { version } if is_releasable(&version) => Ok(version),
            Verdict::Ready { version } => Err(refuse(format!(
                "{version} is not a plain version such as 1.4.0: name one with --version"
            ))),
            Verdict::Unchanged => Err(refuse("nothing changed since its last release".to_owned())),
            Verdict::Blocked { reason } => Err(refuse(reason)),
        };
    };
    if !is_releasable(version) {
        return Err(refuse(format!(
            "{version} is not a plain version such as 1.4.0"
        )));
    }
    let Some(last) = &standing.last else {
        return Ok(version.clone());
    };
    if version.cmp_precedence(&last.version).is_le() {
        return Err(refuse(format!(
            "{version} is not above {}, which is released already",
            last.version
        )));
    }
    let needed = standing.needed.ok_or_else(|| {
        refuse(format!(
            "not everything is known: {}",
            standing.unknown.join("; ")
        ))
    })?;
    if needed == Bump::None {
        return Err(refuse(format!("nothing changed since {}", last.version)));
    }
    if bump::taken(&last.version, version) < needed {
        return Err(refuse(standing.too_small(version, needed, last)));
    }
    Ok(version.clone())
}

fn not_taken(module: &Module, git: &Git, version: &Version) -> Result<()> {
    let name = format!("{}{version}", module.tag_prefix());
    let tags = git.tags(&name)?;
    let taken = tags
        .iter()
        .find(|tag| tag.name == name || tag.name.starts_with(&format!("{name}+")));
    if let Some(tag) = taken {
        return Err(Error::refused(
            &module.name,
            format!("{version} is released already, as {}", tag.name),
        ));
    }
    if module
        .path()
        .join("releases")
        .join(version.to_string())
        .exists()
    {
        return Err(Error::refused(
            &module.name,
            format!(
                "releases/{version}/ is there already: released contracts are never written again"
            ),
        ));
    }
    if module
        .changelog()?
        .release(version)
        .is_some_and(|release| release.date.is_some())
    {
        return Err(Error::refused(
            &module.name,
            format!(
                "its changelog has a dated section for {version} already: give the new entries a new version"
            ),
        ));
    }
    Ok(())
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let within = |part: &str, max: u32| part.parse::<u32>().is_ok_and(|n| (1..=max).contains(&n));
    matches!(parts.as_slice(), [y, m, d] if digits(y, 4) && digits(m, 2) && digits(d, 2) && within(m, 12) && within(d, 31))
}
