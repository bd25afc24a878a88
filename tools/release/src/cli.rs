//! The program: arguments in, words out. Exit 0 is done or clean, 1 is refused or found wrong, 2 is could not be done.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use semver::Version;
use serde::Serialize;
use shoal_contracts::proto::buf::Buf;
use shoal_modules::Workspace;

use crate::graph::{self, Graph};
use crate::report::{self, Plan};
use crate::standing::{self, Verdict};
use crate::{Error, Result, cut};

/// Releases modules one by one, and keeps watch over what they may know of each other.
///
/// Nothing is ever pushed. Exit status: 0 done, 1 refused or something found, 2 could not be done.
#[derive(Debug, Parser)]
#[command(name = "shoal-release", version)]
struct Cli {
    /// Program buf, which compares proto contracts that changed
    #[arg(long, value_name = "FILE", env = "SHOAL_BUF", global = true)]
    buf: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell how each module stands to its last release
    Status {
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = Form::Text)]
        format: Form,
    },
    /// Tell what would be released, as which version and in which order; exit 1 when something is in the way of one
    Plan {
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = Form::Text)]
        format: Form,
    },
    /// Release one module: changelog, version, frozen contract, commit and tag, all of it or nothing
    Cut(Cut),
    /// Show which module knows which through what; refuse what bypasses contracts
    Graph(Draw),
}

#[derive(Debug, Args)]
struct Cut {
    /// Name of the module, such as order
    module: String,
    /// Version to release; the lowest that the change allows unless told
    #[arg(long)]
    version: Option<Version>,
    /// Day of the release, YYYY-MM-DD; today (UTC) unless told
    #[arg(long, value_name = "DAY")]
    date: Option<String>,
    /// Check everything and say what would be written, but write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Draw {
    /// Exit 1 when a dependency bypasses contracts or the page in docs/ is stale
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Write the page in docs/ again
    #[arg(long)]
    write: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Drawing::Text)]
    format: Drawing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drawing {
    /// For a terminal
    Text,
    /// Everything, for programs
    Json,
    /// A flowchart for markdown
    Mermaid,
}

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match answer(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shoal-release: {error}.");
            ExitCode::from(if matches!(error, Error::Refused { .. }) {
                1
            } else {
                2
            })
        }
    }
}

fn answer(cli: Cli) -> Result<ExitCode> {
    let workspace = Workspace::discover()?;
    let buf = cli.buf.as_deref().map(find_buf).transpose()?;
    match cli.command {
        Command::Status { format } => status(&workspace, buf.as_ref(), format),
        Command::Plan { format } => plan(&workspace, buf.as_ref(), format),
        Command::Cut(arguments) => cut_one(&workspace, buf, arguments),
        Command::Graph(arguments) => draw(&workspace, &arguments),
    }
}

fn find_buf(path: &Path) -> Result<Buf> {
    Buf::find(Some(path)).map_err(|error| Error::malformed(path, error.to_string()))
}

fn status(workspace: &Workspace, buf: Option<&Buf>, format: Form) -> Result<ExitCode> {
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(flatten)]
        standing: &'a standing::Standing,
        verdict: Verdict,
    }
    let all = standing::all(workspace, buf)?;
    match format {
        Form::Text => print!("{}", report::status(&all)),
        Form::Json => json(
            &all.iter()
                .map(|standing| Entry {
                    standing,
                    verdict: standing.verdict(),
                })
                .collect::<Vec<_>>(),
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(workspace: &Workspace, buf: Option<&Buf>, format: Form) -> Result<ExitCode> {
    let plan = Plan::of(&standing::all(workspace, buf)?, &Graph::of(workspace)?);
    match format {
        Form::Text => print!("{}", plan.text()),
        Form::Json => json(&plan),
    }
    Ok(ExitCode::from(u8::from(
        plan.left.iter().any(|left| left.blocked),
    )))
}

fn cut_one(workspace: &Workspace, buf: Option<Buf>, arguments: Cut) -> Result<ExitCode> {
    let git = workspace.git()?;
    let request = cut::Request {
        module: arguments.module,
        version: arguments.version,
        date: arguments.date.unwrap_or_else(today),
        buf,
    };
    let release = cut::Prepared::new(workspace, &git, &request)?;
    if arguments.dry_run {
        println!(
            "{} could be made; it would be tagged {} and write:",
            release.title(),
            release.record.tag
        );
        release.files.keys().for_each(|path| println!("  {path}"));
        println!("Nothing was written.");
        return Ok(ExitCode::SUCCESS);
    }
    let done = release.carry_out(&git)?;
    println!(
        "{} is commit {}, tagged {}.",
        release.title(),
        done.commit.get(..12).unwrap_or(&done.commit),
        done.tag
    );
    println!("Look at it:   git show --stat {}", done.tag);
    println!(
        "Build it:     ./bazelw build --config=release //services/{}:release",
        release.module
    );
    println!("Publish it:   git push origin {} {}", done.branch, done.tag);
    println!(
        "Take it back: git tag -d {} && git reset --keep {}",
        done.tag, release.record.commit
    );
    Ok(ExitCode::SUCCESS)
}

fn draw(workspace: &Workspace, arguments: &Draw) -> Result<ExitCode> {
    let graph = Graph::of(workspace)?;
    let violations = graph.violations();
    if arguments.write {
        let path = workspace.path(graph::PAGE);
        std::fs::write(&path, graph.page()).map_err(|source| Error::io(&path, source))?;
        println!("{} is written", graph::PAGE);
    } else {
        show(&graph, &violations, arguments.format);
    }
    let mut faults: Vec<String> = violations.iter().map(ToString::to_string).collect();
    if arguments.check {
        faults.extend(graph::drift(workspace, &graph)?);
    }
    for fault in &faults {
        eprintln!("refused: {fault}");
    }
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}

fn show(graph: &Graph, violations: &[graph::Violation], format: Drawing) {
    match format {
        Drawing::Text => print!("{}", graph.text()),
        Drawing::Mermaid => print!("{}", graph.mermaid()),
        Drawing::Json => json(&serde_json::json!({
            "modules": graph.modules,
            "calls": graph.calls(),
            "events": graph.events(),
            "crates": graph.crates,
            "protos": graph.protos,
            "violations": violations,
        })),
    }
}

fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("shoal-release: the answer cannot be written as JSON: {error}."),
    }
}

/// Today in UTC, `YYYY-MM-DD`.
#[expect(
    clippy::disallowed_methods,
    reason = "a day for people to read; nothing is decided by it"
)]
fn today() -> String {
    let now = prost_types::Timestamp::from(std::time::SystemTime::now()).to_string();
    now.chars().take("2026-11-23".len()).collect()
}
