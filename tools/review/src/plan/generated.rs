//! What the tool knows about a change, as the blocks that it writes into a plan.
//! `check` writes them again and compares: a plan whose blocks differ is stale.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::change::contracts::Contracts;
use crate::change::{Change, Touching, short};

/// Names of the blocks, as their marks have them.
pub const SCOPE: &str = "scope";
/// What the change does to contracts.
pub const CONTRACTS: &str = "contracts";
/// Commands that verify the change.
pub const COMMANDS: &str = "commands";
/// Benchmarks that reach the change.
pub const BENCHMARKS: &str = "benchmarks";

/// All blocks by name.
pub fn blocks(change: &Change, contracts: &Contracts) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (SCOPE, scope(change)),
        (CONTRACTS, self::contracts(contracts)),
        (
            COMMANDS,
            format!("```sh\n{}\n```\n", commands(change).join("\n")),
        ),
        (BENCHMARKS, benchmarks(&change.benchmarks())),
    ])
}

/// The name of the base that a scope block was written for.
pub fn base_named(scope: &str) -> Option<&str> {
    let line = scope.lines().find(|line| line.starts_with("Base: `"))?;
    line.split('`').nth(1)
}

fn scope(change: &Change) -> String {
    let scope = &change.scope;
    let mut text = format!(
        "Base: `{}` at `{}`.\n\n| package | how | because |\n|---|---|---|\n",
        change.base_name,
        short(&change.base)
    );
    for file in &scope.foundation {
        let _ = writeln!(text, "| **everything** | affected | `{file}` |");
    }
    for reached in &scope.packages {
        let because = reached.because.join(", ");
        let (folder, how) = (&reached.folder, reached.how.word());
        let _ = writeln!(text, "| `{folder}` | {how} | {because} |");
    }
    if !scope.outside.is_empty() {
        let files: Vec<String> = scope
            .outside
            .iter()
            .map(|file| format!("`{file}`"))
            .collect();
        let _ = writeln!(text, "\nOutside the packages: {}.", files.join(", "));
    }
    text
}

fn contracts(contracts: &Contracts) -> String {
    if *contracts == Contracts::default() {
        return "No module's contract is touched.\n".to_owned();
    }
    let mut text = String::new();
    if !contracts.modules.is_empty() {
        text.push_str("| module | version | needs | has | verdict |\n|---|---|---|---|---|\n");
    }
    for module in &contracts.modules {
        let from = module.from.as_deref().unwrap_or("new");
        let verdict = if module.refusals.is_empty() {
            "accepted"
        } else {
            "**refused**"
        };
        let _ = writeln!(
            text,
            "| `{}` | {from} → {} | {} | {} | {verdict} |",
            module.name, module.to, module.needs, module.has
        );
    }
    let mut list = String::new();
    for module in &contracts.modules {
        for refusal in &module.refusals {
            let _ = writeln!(list, "- refused, `{}`: {refusal}", module.name);
        }
        for finding in &module.findings {
            let _ = writeln!(
                list,
                "- {}, `{}` at `{}`: {} ({})",
                finding.severity, module.name, finding.place, finding.what, finding.rule
            );
        }
    }
    for breach in &contracts.proto_style {
        let _ = writeln!(list, "- refused, proto: {breach}");
    }
    for problem in &contracts.unchecked {
        let _ = writeln!(list, "- not checked here: {problem}");
    }
    if !list.is_empty() {
        let _ = write!(text, "\n{list}");
    }
    text
}

fn commands(change: &Change) -> Vec<String> {
    let scope = &change.scope;
    let base = short(&change.base);
    let tool = |name: &str| {
        change
            .packages
            .by_folder
            .contains_key(&format!("tools/{name}"))
    };
    let mut commands = Vec::new();
    if scope.is_everything() || !scope.packages.is_empty() {
        let verb = if change.tested { "test" } else { "build" };
        commands.push(format!("./bazelw {verb} {}", scope.targets.join(" ")));
        commands.push(format!(
            "./bazelw build --config=lint {}",
            scope.targets.join(" ")
        ));
    } else if !scope.targets.is_empty() {
        commands.push(format!("./bazelw build {}", scope.targets.join(" ")));
    } else {
        commands.push(format!("git diff --check {base} HEAD"));
    }
    let of_services = |file: &String| file.starts_with("services/") || file.starts_with("proto/");
    if tool("contracts") && change.files.iter().any(of_services) {
        commands.push(format!(
            "./bazelw run //tools/contracts -- check --base {base}"
        ));
    }
    let of_graph = |file: &String| file.ends_with("Cargo.toml") || file.contains("/contract/");
    if tool("release") && change.files.iter().any(of_graph) {
        commands.push("./bazelw run //tools/release -- graph --check".to_owned());
    }
    let of_build = |file: &String| {
        let name = file.rsplit('/').next().unwrap_or_default();
        ["Cargo.toml", "Cargo.lock", "BUILD.bazel", "MODULE.bazel"].contains(&name)
            || file.starts_with("tools/bazel/")
    };
    if change.files.iter().any(of_build) {
        commands.extend(change.scripts.iter().map(|script| (*script).to_owned()));
    }
    commands
}

fn benchmarks(all: &[Touching<'_>]) -> String {
    let line = |touching: &Touching<'_>| {
        let figures: Vec<String> = touching
            .benchmark
            .figures
            .iter()
            .map(|(figure, unit)| format!("`{figure}` ({unit})"))
            .collect();
        let about = &touching.benchmark.about;
        format!("- `{}`, {about}: {}\n", touching.name, figures.join(", "))
    };
    let reached: String = all.iter().filter(|each| each.reached).map(line).collect();
    if !reached.is_empty() {
        return format!("Benchmarks that are built from what the change reaches:\n\n{reached}");
    }
    let other: String = all.iter().map(line).collect();
    if other.is_empty() {
        return "No package declares a benchmark (`[package.metadata.benchmarks]`).\n".to_owned();
    }
    format!("No benchmark is built from what the change reaches. There are:\n\n{other}")
}
