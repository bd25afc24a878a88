//! The program: arguments in, answers out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shoal_modules::{Git, Workspace};

use crate::bench::compare::CONFIDENCE;
use crate::bench::stats::fewest;
use crate::change::PLAN_FILE;
use crate::check::{self, Asking, Refusal};
use crate::error::{Error, Result};
use crate::output::{complain, say};
use crate::plan;
use crate::report::{self, FOLDER, Options, Outcome, Part};
use crate::run::process::Runner;

/// Plans the review of a change, checks the plan, and proves what it promises.
///
/// Exit status: 0 accepted, 1 refused (standard output says why), 2 could not be done (standard error says why).
#[derive(Debug, Parser)]
#[command(name = "shoal-review", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write review-plan.md for the current change, or renew it; what you wrote is kept
    Plan(Base),
    /// Refuse a plan that is missing, stale, incomplete, not runnable or without a performance figure
    Check(Check),
    /// Run the plan's commands on head and its benchmarks on base and head, and write diff-report.{json,html,md}
    Report(Report),
    /// Print the JSON Schema of diff-report.json
    Schema,
}

#[derive(Debug, Args)]
struct Base {
    /// What the change is compared with: from the common ancestor on. Unless told, what the plan names, else
    /// origin/main, else main
    #[arg(long, value_name = "REV")]
    base: Option<String>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    base: Base,
    /// Look at folders and files alone instead of asking Bazel for every target
    #[arg(long)]
    no_query: bool,
}

#[derive(Debug, Args)]
struct Report {
    #[command(flatten)]
    base: Base,
    /// Folder to write into, below the top of the workspace unless absolute
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    out: PathBuf,
    /// Rounds before each of at most three looks at the figures; a round runs base and head once
    #[arg(long, default_value_t = 8, value_parser = rounds)]
    rounds: usize,
    /// Minutes that a command of the plan, or one build, may take
    #[arg(long, value_name = "MINUTES", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    command_limit: u64,
    /// Minutes that one run of a benchmark may take
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    run_limit: u64,
    /// Leave a part out; without commands or benchmarks nothing is accepted
    #[arg(long, value_enum)]
    skip: Vec<Part>,
}

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("the runtime"));
    let accepted = runtime.and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    match accepted {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Whether the answer is yes.
async fn dispatch(command: Command) -> Result<bool> {
    if let Command::Schema = command {
        say(report::model::schema().trim_end());
        return Ok(true);
    }
    let mut runner = Runner::new()?;
    let workspace = Workspace::discover()?;
    let git = workspace.git()?;
    match command {
        Command::Plan(base) => {
            let base = plan::base(&workspace, &git, base.base.as_deref())?;
            write_plan(&workspace, &git, &base)
        }
        Command::Check(check) => {
            let base = plan::base(&workspace, &git, check.base.base.as_deref())?;
            let asking = if check.no_query {
                Asking::Files
            } else {
                Asking::Bazel
            };
            let checked = check::check(&workspace, &git, &base, asking, &mut runner).await?;
            if !refused(&checked.refusals) {
                say(&format!("{PLAN_FILE} is accepted"));
            }
            Ok(checked.refusals.is_empty())
        }
        Command::Report(asked) => {
            let base = plan::base(&workspace, &git, asked.base.base.as_deref())?;
            let options = asked.options(base, &workspace);
            let outcome = report::report(&workspace, &git, &options, &mut runner).await?;
            Ok(told(&outcome, &options))
        }
        Command::Schema => Ok(true),
    }
}

impl Report {
    fn options(self, base: String, workspace: &Workspace) -> Options {
        let minutes = |count: u64| Duration::from_secs(count.saturating_mul(60));
        Options {
            base,
            out: workspace.path(self.out),
            rounds: self.rounds,
            command_limit: minutes(self.command_limit),
            run_limit: minutes(self.run_limit),
            skip: self.skip.into_iter().collect(),
        }
    }
}

fn write_plan(workspace: &Workspace, git: &Git, base: &str) -> Result<bool> {
    let done = if plan::write(workspace, git, base)? {
        "written; fill in every TODO"
    } else {
        "renewed; what you wrote is kept"
    };
    say(&format!(
        "{PLAN_FILE} is {done}, then run `./bazelw run //tools/review -- check`"
    ));
    Ok(true)
}

fn refused(refusals: &[Refusal]) -> bool {
    for refusal in refusals {
        say(&refusal.to_string());
    }
    !refusals.is_empty()
}

fn told(outcome: &Outcome, options: &Options) -> bool {
    match outcome {
        Outcome::Unplanned(refusals) => {
            refused(refusals);
            say("nothing was run, as the plan is not accepted");
            false
        }
        Outcome::Made(report) => {
            for refusal in &report.refusals {
                match refusal.line {
                    Some(_) => say(&refusal.to_string()),
                    None => say(&refusal.what),
                }
            }
            let verdict = if report.accepted {
                "accepted"
            } else {
                "refused"
            };
            let page = options.out.join("diff-report.html");
            say(&format!(
                "{verdict}: {}; see {}",
                report::described(report),
                page.display()
            ));
            report.accepted
        }
    }
}

fn rounds(text: &str) -> Result<usize, String> {
    let fewest = fewest(CONFIDENCE);
    match text.parse() {
        Ok(rounds) if (fewest..=100).contains(&rounds) => Ok(rounds),
        _ => Err(format!(
            "give a number from {fewest}, below which no interval is 95 % sure, to 100"
        )),
    }
}
