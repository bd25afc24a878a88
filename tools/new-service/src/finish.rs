//! What other programs add to a new module: form, contracts, the graph.

use std::path::Path;
use std::process::Command;

use shoal_modules::Workspace;
use shoal_release::graph::{self, Graph};

use crate::plan::Plan;
use crate::write::Written;
use crate::{Error, Result};

/// Writes the plan and, unless only files are wanted, completes it. Anything that fails takes everything back.
///
/// # Errors
/// What failed first.
pub(crate) fn make(
    workspace: &Workspace,
    plan: &Plan,
    files_only: bool,
    say: &dyn Fn(&str),
) -> Result<()> {
    let mut written = Written::new(workspace.root());
    let done = steps(workspace, plan, files_only, &mut written, say);
    if done.is_err() {
        for left in written.undo() {
            say(&format!("could not be taken back: {left}"));
        }
    }
    done
}

fn steps(
    workspace: &Workspace,
    plan: &Plan,
    files_only: bool,
    written: &mut Written,
    say: &dyn Fn(&str),
) -> Result<()> {
    for (path, text) in plan.created.iter().chain(&plan.changed) {
        written.write(path, text)?;
    }
    let name = &plan.wish.name;
    let formatted = rustfmt(workspace.root(), plan, say)?;
    if files_only {
        return Ok(());
    }
    let root = workspace.root();
    if !formatted {
        run(
            root,
            "./bazelw",
            &[
                "run",
                "@rules_rust//:rustfmt",
                "--",
                &format!("//services/{name}:all"),
                "//proto:all",
            ],
            say,
        )?;
    }
    written.remember_folder("services/gateway/contract")?;
    for service in [name.as_str(), "gateway"] {
        run(
            root,
            "./bazelw",
            &["run", &format!("//services/{service}:renew")],
            say,
        )?;
    }
    let page = Graph::of(workspace)?.page();
    written.write(graph::PAGE, &page)
}

/// Formats what was made, where there is a rustfmt; the length of a name decides where lines break.
fn rustfmt(root: &Path, plan: &Plan, say: &dyn Fn(&str)) -> Result<bool> {
    let there = Command::new("rustfmt")
        .arg("--version")
        .current_dir(root)
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        return Ok(false);
    }
    let changed = plan
        .changed
        .keys()
        .filter(|path| path.starts_with("tools/up/") || path.starts_with("services/gateway/"));
    let files = plan
        .created
        .keys()
        .chain(changed)
        .filter(|path| path.ends_with(".rs"));
    let arguments: Vec<&str> = ["--edition", "2024"]
        .into_iter()
        .chain(files.map(String::as_str))
        .collect();
    run(root, "rustfmt", &arguments, say)?;
    Ok(true)
}

fn run(root: &Path, program: &str, arguments: &[&str], say: &dyn Fn(&str)) -> Result<()> {
    let shown = arguments
        .iter()
        .take(4)
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    let command = format!(
        "{program} {shown}{}",
        if arguments.len() > 4 { " …" } else { "" }
    );
    say(&command);
    let mut child = Command::new(program);
    // Bazel inside a program that Bazel runs must not take over what the outer one said about itself.
    for key in [
        "BUILD_WORKSPACE_DIRECTORY",
        "BUILD_WORKING_DIRECTORY",
        "RUNFILES_DIR",
        "RUNFILES_MANIFEST_FILE",
        "TEST_TMPDIR",
    ] {
        child.env_remove(key);
    }
    let status = child.args(arguments).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Step {
            command,
            how: status.to_string(),
        }),
        Err(error) => Err(Error::Step {
            command,
            how: error.to_string(),
        }),
    }
}
