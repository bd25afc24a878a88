//! The report: what was promised, run on base and head, and written down.

mod facts;
pub mod model;
mod page;
mod performance;
mod sizes;
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shoal_modules::{Git, Workspace};

use crate::bench::rounds::Effort;
use crate::change::{self, PLAN_FILE, lock, packages::Packages};
use crate::check::{self, Asking, Checked, Refusal};
use crate::error::{Error, Result};
use crate::output;
use crate::run::bazel::{self, Invocation};
use crate::run::process::{Job, Runner};
use crate::run::worktree::Worktrees;
use model::{Command, Compared, Dependencies, DiffReport, FORMAT, Tests};

/// How a report is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// What head is compared with.
    pub base: String,
    /// Where the report goes.
    pub out: PathBuf,
    /// Rounds before each look at the figures.
    pub rounds: usize,
    /// How long one command of the plan, or one build, may take.
    pub command_limit: Duration,
    /// How long one run of a benchmark may take.
    pub run_limit: Duration,
    /// What is left out.
    pub skip: BTreeSet<Part>,
}

/// A part of the report that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Part {
    /// The plan's commands. Without them nothing is accepted.
    Commands,
    /// The benchmarks. Without them nothing is accepted.
    Benchmarks,
    /// Binary sizes.
    Sizes,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// The plan is not accepted, so nothing was run.
    Unplanned(Vec<Refusal>),
    /// A report, and where it lies.
    Made(Box<DiffReport>),
}

/// Makes the report of the committed change.
///
/// # Errors
/// When something is not committed, the change cannot be followed, a program
/// cannot be started, or somebody says stop.
pub async fn report(
    workspace: &Workspace,
    git: &Git,
    options: &Options,
    runner: &mut Runner,
) -> Result<Outcome> {
    refuse_dirty(git, options)?;
    output::progress("[1/5] the plan");
    let checked = check::check(workspace, git, &options.base, Asking::Bazel, runner).await?;
    if !checked.refusals.is_empty() {
        return Ok(Outcome::Unplanned(checked.refusals));
    }
    let effort = effort(options)?;
    let mut trees = Worktrees::open(git)?;
    let head = git.resolve("HEAD")?;
    let made = make(&checked, git, &head, &mut trees, options, &effort, runner).await;
    // Also when it failed: a server of a worktree that is gone serves nobody.
    stop_servers(&trees, &effort, runner).await;
    drop(trees);
    let report = made?;
    page::write(&report, &options.out)?;
    Ok(Outcome::Made(Box::new(report)))
}

async fn make(
    checked: &Checked,
    git: &Git,
    head: &str,
    trees: &mut Worktrees,
    options: &Options,
    effort: &Effort,
    runner: &mut Runner,
) -> Result<DiffReport> {
    let change = &checked.change;
    let base_tree = trees.add("base", &change.base)?;
    let head_tree = trees.add("head", head)?;
    let mut report = blank(checked, git, head)?;
    let mut tests = Tests::default();
    let skip = |part| options.skip.contains(&part);

    output::progress("[2/5] what differs");
    tests::add_functions(&mut tests, git, change, head)?;
    if skip(Part::Commands) {
        report.leave_out("the plan's commands", true);
    } else {
        output::progress("[3/5] the plan's commands on head");
        report.commands = commands(checked, &head_tree, effort, &mut tests, runner).await?;
    }
    report.tests = tests;
    if skip(Part::Sizes) {
        report.leave_out("binary sizes", false);
    } else {
        output::progress("[4/5] binary sizes");
        let measured = sizes::measure(change, &base_tree, &head_tree, effort, runner).await?;
        report.binaries = measured.0;
        for problem in measured.1 {
            report.leave_out(&problem, true);
        }
    }
    if skip(Part::Benchmarks) {
        report.leave_out("the benchmarks", true);
    } else {
        output::progress("[5/5] benchmarks on base and head in turns");
        let trees = performance::Trees {
            base: &base_tree,
            head: &head_tree,
        };
        performance::measure(&mut report, checked, &trees, effort, runner).await?;
    }
    judge(&mut report);
    Ok(report)
}

/// What is known without running anything.
fn blank(checked: &Checked, git: &Git, head: &str) -> Result<DiffReport> {
    let change = &checked.change;
    Ok(DiffReport {
        format: FORMAT,
        made_at: facts::now(),
        title: checked.plan.title.clone(),
        accepted: false,
        refusals: Vec::new(),
        change: Compared {
            base_name: change.base_name.clone(),
            base: change.base.clone(),
            head: head.to_owned(),
            commits: git.commits(Some(&change.base), head, "")?.len(),
            files: change.files.len(),
        },
        scope: change.scope.packages.clone(),
        contracts: checked.contracts.clone(),
        dependencies: dependencies(&change.base_packages, checked),
        performance: Vec::new(),
        binaries: Vec::new(),
        tests: Tests::default(),
        commands: Vec::new(),
        not_measured: Vec::new(),
        machine: facts::machine(),
    })
}

fn dependencies(base: &Packages, checked: &Checked) -> Dependencies {
    Dependencies {
        locked: checked.change.locks.clone(),
        features: lock::features(base, &checked.change.packages),
    }
}

impl DiffReport {
    fn leave_out(&mut self, what: &str, needed: bool) {
        self.not_measured.push(what.to_owned());
        if needed {
            self.refuse(None, format!("not measured: {what}"));
        }
    }

    fn refuse(&mut self, line: Option<usize>, what: String) {
        self.refusals.push(Refusal { line, what });
    }
}

/// What commands and contracts say about the change; figures have been judged.
fn judge(report: &mut DiffReport) {
    let mut refused = Vec::new();
    for command in report.commands.iter().filter(|command| !command.passed) {
        refused.push(format!(
            "`{}` {}; see {}",
            command.command, command.ended, command.log
        ));
    }
    for module in &report.contracts.modules {
        let name = &module.name;
        refused.extend(
            module
                .refusals
                .iter()
                .map(|why| format!("contracts of `{name}`: {why}")),
        );
    }
    let style = &report.contracts.proto_style;
    refused.extend(style.iter().map(|breach| format!("proto: {breach}")));
    let unchecked = &report.contracts.unchecked;
    refused.extend(
        unchecked
            .iter()
            .map(|why| format!("contracts were not checked: {why}")),
    );
    for what in refused {
        report.refuse(None, what);
    }
    report.accepted = report.refusals.is_empty();
}

async fn commands(
    checked: &Checked,
    head: &Path,
    effort: &Effort,
    tests: &mut Tests,
    runner: &mut Runner,
) -> Result<Vec<Command>> {
    let mut done = Vec::new();
    for (index, (_, command)) in checked.plan.commands().into_iter().enumerate() {
        output::progress(&format!("      {command}"));
        let stem = format!("command-{:02}", index + 1);
        let log = effort.logs.join(format!("{stem}.log"));
        let events = effort.logs.join(format!("{stem}.events.json"));
        let out = File::create(&log).map_err(Error::io(&log))?;
        let words = bazel::words(&command).map_err(Error::Change)?;
        let tested = Invocation::parse(&words).filter(|invocation| invocation.verb == "test");
        let telling = tested.as_ref().map(|invocation| {
            invocation.with_flag(&format!("--build_event_json_file={}", events.display()))
        });
        let job = Job {
            words: telling.as_ref().unwrap_or(&words),
            folder: head,
            stderr: out.try_clone().map_err(Error::io(&log))?,
            stdout: out,
            limit: effort.build_limit,
        };
        let (ended, took) = runner.run(job).await?;
        let words = ended.words(effort.build_limit);
        output::progress(&format!("      {words} after {}", output::time(took)));
        if tested.is_some() {
            tests::add_events(tests, &events);
        }
        done.push(Command {
            command,
            passed: ended.is_success(),
            ended: words,
            seconds: took.as_secs_f64(),
            log: format!("logs/{stem}.log"),
        });
    }
    Ok(done)
}

/// A report is about commits; the plan may still be at work, and earlier reports lie about.
fn refuse_dirty(git: &Git, options: &Options) -> Result<()> {
    let out = options.out.strip_prefix(git.root()).ok();
    let mut dirty = git.dirty("")?;
    dirty.retain(|file| {
        file != PLAN_FILE && !out.is_some_and(|out| Path::new(file).starts_with(out))
    });
    if dirty.is_empty() {
        Ok(())
    } else {
        Err(Error::Dirty(dirty))
    }
}

fn effort(options: &Options) -> Result<Effort> {
    let logs = options.out.join("logs");
    if logs.is_dir() {
        std::fs::remove_dir_all(&logs).map_err(Error::io(&logs))?;
    }
    std::fs::create_dir_all(&logs).map_err(Error::io(&logs))?;
    Ok(Effort {
        rounds: options.rounds,
        run_limit: options.run_limit,
        build_limit: options.command_limit,
        logs,
    })
}

/// Bazel's servers of the worktrees, which would wait for hours.
async fn stop_servers(trees: &Worktrees, effort: &Effort, runner: &mut Runner) {
    for tree in trees.made() {
        if !tree.join("bazelw").is_file() {
            continue;
        }
        let log = effort.logs.join("shutdown.log");
        let (Ok(stdout), Ok(stderr)) = (File::create(&log), File::create(&log)) else {
            continue;
        };
        let words = [bazel::PROGRAM.to_owned(), "shutdown".to_owned()];
        let limit = Duration::from_secs(60);
        let job = Job {
            words: &words,
            folder: tree,
            stdout,
            stderr,
            limit,
        };
        let _ = runner.run(job).await;
    }
}

/// The folder that reports go to unless told: kept out of git.
pub const FOLDER: &str = ".shoal/review";

/// The base of a report, as `plan::base` finds it, for messages.
pub fn described(report: &DiffReport) -> String {
    format!(
        "{} against {} ({})",
        change::short(&report.change.head),
        report.change.base_name,
        change::short(&report.change.base)
    )
}
