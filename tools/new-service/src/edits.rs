//! The lists outside the module's folder that name every module.

use std::collections::BTreeSet;

use shoal_modules::{Changelog, Workspace};

use crate::plan::Wish;
use crate::{Error, Result, lists, lock};

type Edit = fn(&Wish, &str) -> Option<String>;

/// Each file with its edit, and with what it adds, for messages.
const EDITS: &[(&str, &str, Edit)] = &[
    (
        "Cargo.toml",
        "the module in [workspace] members and [workspace.dependencies]",
        manifest,
    ),
    ("MODULE.bazel", "the module in MANIFESTS", bazel_module),
    ("CODEOWNERS", "the team's lines", code_owners),
    (
        "proto/src/lib.rs",
        "the package in service_contract!",
        contracts,
    ),
    ("proto/src/events/mod.rs", "pub mod", events),
    ("tools/up/Cargo.toml", "the dependency", up_manifest),
    (
        "tools/up/src/modules.rs",
        "the module in modules!",
        up_modules,
    ),
    ("services/gateway/src/config.rs", "the default route", route),
    ("services/gateway/src/lib.rs", "the peer", peer),
    (
        "services/gateway/CHANGELOG.md",
        "an entry",
        gateway_changelog,
    ),
];

/// Every edited file with its new text, by path from the top.
pub(crate) fn edited(
    workspace: &Workspace,
    wish: &Wish,
    manifest: &str,
) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (file, what, edit) in EDITS {
        let text = read(workspace, file)?;
        let new = edit(wish, &text).ok_or_else(|| Error::NoPlace {
            file: (*file).to_owned(),
            problem:
                "the list that names every module was not found there, or names this one already"
                    .to_owned(),
            wanted: (*what).to_owned(),
        })?;
        all.push(((*file).to_owned(), new));
    }
    let text = read(workspace, "Cargo.lock")?;
    let joined = lock::join(
        &text,
        &wish.package(),
        &dependencies(manifest),
        &["shoal-up"],
    )?;
    all.push(("Cargo.lock".to_owned(), joined));
    Ok(all)
}

fn read(workspace: &Workspace, file: &str) -> Result<String> {
    let path = workspace.path(file);
    std::fs::read_to_string(&path).map_err(|source| Error::io(path, source))
}

/// Packages that the module's manifest names, those of its tests included.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let named = manifest
        .lines()
        .filter_map(|line| line.strip_suffix(".workspace = true"));
    named
        .filter(|name| !["edition", "rust-version", "license", "publish"].contains(name))
        .map(str::to_owned)
        .collect()
}

fn manifest(wish: &Wish, text: &str) -> Option<String> {
    let member = format!("    \"services/{}\",", wish.name);
    let text = lists::sorted(
        text,
        "members = [",
        |line| line.starts_with("    \"services/"),
        &member,
    )?;
    let dependency = format!(
        "{0} = {{ path = \"services/{1}\" }}",
        wish.package(),
        wish.name
    );
    lists::sorted(
        &text,
        "[workspace.dependencies]",
        |line| line.contains("path = \"services/"),
        &dependency,
    )
}

fn bazel_module(wish: &Wish, text: &str) -> Option<String> {
    let quoted = |line: &str| line.trim_start().starts_with('"');
    lists::sorted(
        text,
        "\"//services/%s:Cargo.toml\" % name",
        quoted,
        &format!("        \"{}\",", wish.name),
    )
}

fn code_owners(wish: &Wish, text: &str) -> Option<String> {
    let line = |path: String, owners: &str, column: usize| format!("{path:column$}{owners}");
    let contract = line(
        format!("/proto/proto/shoal/{}/", wish.name),
        &format!(" {} @shoal/platform", wish.owner),
        35,
    );
    let text = lists::sorted(
        text,
        "",
        |line| line.starts_with("/proto/proto/shoal/"),
        &contract,
    )?;
    let module = line(
        format!("/services/{}/", wish.name),
        &format!(" {}", wish.owner),
        27,
    );
    lists::sorted(&text, "", |line| line.starts_with("/services/"), &module)
}

fn contracts(wish: &Wish, text: &str) -> Option<String> {
    let added = format!(
        "    /// {}\n    {1} = \"shoal.{1}.v1\",",
        wish.about, wish.name
    );
    lists::last(
        text,
        "service_contract! {",
        |line| line.starts_with("    "),
        &added,
    )
}

fn events(wish: &Wish, text: &str) -> Option<String> {
    lists::sorted(
        text,
        "",
        |line| line.starts_with("pub mod "),
        &format!("pub mod {};", wish.name),
    )
}

fn up_manifest(wish: &Wish, text: &str) -> Option<String> {
    let dependency = |line: &str| line.ends_with(".workspace = true");
    lists::sorted(
        text,
        "[dependencies]",
        dependency,
        &format!("{}.workspace = true", wish.package()),
    )
}

fn up_modules(wish: &Wish, text: &str) -> Option<String> {
    let added = format!(
        "    /// {}\n    {}: shoal_{1}::{},",
        wish.about,
        wish.name,
        wish.type_name()
    );
    // The macro's own definition stands above.
    let start = text.rfind("\nmodules! {")?;
    let list = lists::last(
        &text[start + 1..],
        "modules! {",
        |line| line.starts_with("    "),
        &added,
    )?;
    Some(format!("{}{list}", &text[..=start]))
}

fn route(wish: &Wish, text: &str) -> Option<String> {
    let line = format!("                to(\"/{0}\", \"{0}\", true),", wish.name);
    lists::sorted(
        text,
        "routes: vec![",
        |line| line.trim_start().starts_with("to(\"/"),
        &line,
    )
}

fn peer(wish: &Wish, text: &str) -> Option<String> {
    let line = format!(
        "        Peer::new(\"{}\", \"127.0.0.1:{}\"),",
        wish.name, wish.port
    );
    lists::last(
        text,
        "const PEERS",
        |line| line.trim_start().starts_with("Peer::new("),
        &line,
    )
}

/// The gateway changes with each module, and a changed module says so.
fn gateway_changelog(wish: &Wish, text: &str) -> Option<String> {
    let log = Changelog::parse("CHANGELOG.md".as_ref(), text).ok()?;
    let entry = format!("- Routes to {} below `/{0}`.", wish.name);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(section) = log.unreleased else {
        let at = log
            .releases
            .first()
            .map_or(lines.len(), |release| release.line - 1);
        lines.insert(at, format!("## Unreleased\n\n### Added\n{entry}\n"));
        return Some(lines.join("\n") + "\n");
    };
    let end = log
        .releases
        .first()
        .map_or(lines.len(), |release| release.line - 1);
    match (section.line..end).find(|at| lines[*at].trim() == "### Added") {
        Some(at) => lines.insert(at + 1, entry),
        None => lines.insert(section.line, format!("\n### Added\n{entry}")),
    }
    Some(lines.join("\n") + "\n")
}
