//! Commands that verify the change: there, and runnable.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use shoal_modules::Workspace;

use super::{Asking, Refusal};
use crate::error::{Error, Result};
use crate::plan::document::{Document, VERIFICATION};
use crate::run::bazel::{self, Invocation};
use crate::run::process::{Job, Runner};

/// Bazel may have to start, and to load what it has not seen.
const QUERY_LIMIT: Duration = Duration::from_secs(600);

pub(super) async fn check(
    plan: &Document,
    workspace: &Workspace,
    asking: Asking,
    runner: &mut Runner,
) -> Result<Vec<Refusal>> {
    let commands = plan.commands();
    let mut refusals = Vec::new();
    if commands.is_empty() {
        refusals.push(Refusal {
            line: plan.section(VERIFICATION).map(|section| section.line),
            what: "no command verifies the change; write one a line in a ```sh block, \
                   such as ./bazelw test //services/order/..."
                .to_owned(),
        });
    }
    for (line, command) in commands {
        let found = match bazel::words(&command) {
            Ok(words) => one(&words, workspace, asking, runner).await?,
            Err(why) => Some(why),
        };
        if let Some(why) = found {
            refusals.push(Refusal::at(
                line,
                format!("`{command}` cannot be run: {why}"),
            ));
        }
    }
    Ok(refusals)
}

async fn one(
    words: &[String],
    workspace: &Workspace,
    asking: Asking,
    runner: &mut Runner,
) -> Result<Option<String>> {
    let Some(invocation) = Invocation::parse(words) else {
        return Ok(program(words.first().map_or("", String::as_str), workspace));
    };
    if let Some(why) = shape(&invocation).or_else(|| folders(&invocation, workspace)) {
        return Ok(Some(why));
    }
    match asking {
        Asking::Files => Ok(None),
        Asking::Bazel => query(&invocation, workspace, runner).await,
    }
}

/// A program of the repository, or one that the machine has.
fn program(name: &str, workspace: &Workspace) -> Option<String> {
    if !name.contains('/') {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let there = std::env::split_paths(&paths).any(|folder| is_executable(&folder.join(name)));
        return (!there).then(|| {
            format!("there is no program '{name}' on the PATH; name a Bazel target or a program of the repository")
        });
    }
    let path = workspace.path(name);
    if !path.is_file() {
        return Some(format!("there is no file {name}; name one that is there"));
    }
    (!is_executable(&path)).then(|| format!("{name} may not be executed; run `chmod +x {name}`"))
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn shape(invocation: &Invocation) -> Option<String> {
    let verb = invocation.verb.as_str();
    if !["test", "build", "run"].contains(&verb) {
        return Some(format!("'{verb}' verifies nothing; use test, build or run"));
    }
    match invocation.targets.len() {
        0 => Some("it names no target; name one such as //services/order/...".to_owned()),
        1 => None,
        _ if verb == "run" => {
            Some("run takes one target; what the program gets goes after --".to_owned())
        }
        _ => None,
    }
}

/// Folders that are not there are told without asking Bazel.
fn folders(invocation: &Invocation, workspace: &Workspace) -> Option<String> {
    invocation.targets.iter().find_map(|target| {
        let label = target.trim_start_matches('-');
        let Some(path) = label.strip_prefix("//") else {
            return (!label.starts_with('@'))
                .then(|| format!("'{target}' is no label; write it from the top, with //"));
        };
        let folder = path.split(':').next().unwrap_or_default();
        let (folder, recursive) = match folder.strip_suffix("...") {
            Some(above) => (above.trim_end_matches('/'), true),
            None => (folder, false),
        };
        let folder_path = workspace.path(folder);
        if !folder_path.is_dir() {
            return Some(format!("there is no folder {folder} for '{target}'"));
        }
        let is_package = recursive || folder_path.join("BUILD.bazel").is_file();
        (!is_package).then(|| format!("{folder} has no BUILD.bazel, so '{target}' is no target"))
    })
}

/// Whether Bazel knows the targets, and finds something to do in them.
async fn query(
    invocation: &Invocation,
    workspace: &Workspace,
    runner: &mut Runner,
) -> Result<Option<String>> {
    let included = invocation
        .targets
        .iter()
        .filter(|target| !target.starts_with('-'));
    let included: Vec<&str> = included.map(String::as_str).collect();
    let set = format!("set({})", included.join(" "));
    let asked = match invocation.verb.as_str() {
        "test" => format!("tests({set})"),
        _ => set,
    };
    let words = [bazel::PROGRAM, "query", "--noshow_progress", &asked].map(str::to_owned);
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let create = |path: &Path| std::fs::File::create(path).map_err(Error::io(path));
    let job = Job {
        words: &words,
        folder: workspace.root(),
        stdout: create(&out)?,
        stderr: create(&err)?,
        limit: QUERY_LIMIT,
    };
    let (ended, _) = runner.run(job).await?;
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    if !ended.is_success() {
        return Ok(Some(complaint(&read(&err))));
    }
    let nothing = read(&out).trim().is_empty();
    Ok((nothing && invocation.verb == "test").then(|| {
        "no test is in these targets; build them, or name some that have tests".to_owned()
    }))
}

fn complaint(stderr: &str) -> String {
    let said = stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("ERROR: "))
        .or_else(|| stderr.lines().rev().find(|line| !line.trim().is_empty()));
    match said {
        Some(said) => format!("Bazel says: {}", said.trim()),
        None => "Bazel does not know its targets".to_owned(),
    }
}
