//! `bazel run //tools/simulate -- …`
#![allow(clippy::print_stdout, reason = "this is where the tool talks")]
#![allow(clippy::print_stderr, reason = "this is where the tool talks")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shoal_simulate::{
    Held, contenders, costs, draw, draw_limits, limit_costs, limits_table, play, policies, replay,
    scenarios, stories, table,
};

/// Replays traffic against breakers and limits, ours and others', on a clock of its own.
#[derive(Debug, Parser)]
#[command(name = "shoal-simulate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Eight scenarios against seven breakers: false trips, missed and late
    /// trips, calls lost, recovery. Prints a table; takes about a minute.
    Breakers {
        /// Chances of the run; the same seed gives the same figures.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only scenarios whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Renews the pictures and the table in docs/.
        #[arg(long)]
        write: bool,
    },
    /// Eight stories of load against five limits of concurrency: useful work,
    /// latency, refusals by class, time to adapt.
    Limits {
        /// Chances of the run; the same seed gives the same figures.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only stories whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Renews the pictures and the table in docs/.
        #[arg(long)]
        write: bool,
    },
    /// What breakers and limits cost per call while all is well, ours beside others':
    /// nanoseconds with one thread and with a thread on each core.
    Cost,
}

const PAGE: &str = "docs/breakers.md";
const IMAGES: &str = "docs/images/breakers";
const BEGIN: &str = "<!-- made by `./bazelw run -c opt //tools/simulate -- breakers --write` -->\n";
const LIMITS_PAGE: &str = "docs/limits.md";
const LIMITS_IMAGES: &str = "docs/images/limits";
const LIMITS_BEGIN: &str =
    "<!-- made by `./bazelw run -c opt //tools/simulate -- limits --write` -->\n";

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Breakers { seed, only, write } => breakers(seed, &only, write),
        Command::Limits { seed, only, write } => limits(seed, &only, write),
        Command::Cost => {
            cost();
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::from(2)
        }
    }
}

fn cost() {
    for (kind, costs) in [("breaker", costs()), ("limit", limit_costs())] {
        println!("| {kind} | one thread, ns | a thread per core, ns |");
        println!("|---|---|---|");
        for cost in costs {
            println!(
                "| {} | {:.1} | {:.1} |",
                cost.name, cost.alone, cost.contended
            );
        }
        println!();
    }
}

fn breakers(seed: u64, only: &str, write: bool) -> Result<(), Box<dyn std::error::Error>> {
    let mut results = Vec::new();
    for scenario in scenarios() {
        if !scenario.name.contains(only) {
            continue;
        }
        eprintln!("{}: {}", scenario.name, scenario.about);
        let clock = Held::at(Duration::from_secs(1_000));
        let runs: Vec<_> = contenders(&clock)
            .into_iter()
            .map(|mut contender| {
                clock.set(Duration::from_secs(1_000));
                let run = replay(&scenario, contender.as_mut(), &clock, seed);
                (contender.name(), run)
            })
            .collect();
        results.push((scenario, runs));
    }
    if results.is_empty() {
        return Err(format!("no scenario's name contains {only:?}").into());
    }
    let text = table(&results);
    println!("{text}");
    if write {
        let root = root();
        std::fs::create_dir_all(root.join(IMAGES))?;
        for (scenario, runs) in &results {
            draw(&root.join(IMAGES), scenario, runs)?;
        }
        renew(&root.join(PAGE), BEGIN, &text)?;
    }
    Ok(())
}

fn limits(seed: u64, only: &str, write: bool) -> Result<(), Box<dyn std::error::Error>> {
    let mut results = Vec::new();
    for story in stories() {
        if !story.name.contains(only) {
            continue;
        }
        eprintln!("{}: {}", story.name, story.about);
        let runs: Vec<_> = policies(seed)
            .into_iter()
            .map(|mut policy| (policy.name(), play(&story, policy.as_mut(), seed)))
            .collect();
        results.push((story, runs));
    }
    if results.is_empty() {
        return Err(format!("no story's name contains {only:?}").into());
    }
    let text = limits_table(&results);
    println!("{text}");
    if write {
        let root = root();
        std::fs::create_dir_all(root.join(LIMITS_IMAGES))?;
        for (story, runs) in &results {
            draw_limits(&root.join(LIMITS_IMAGES), story, runs)?;
        }
        renew(&root.join(LIMITS_PAGE), LIMITS_BEGIN, &text)?;
    }
    Ok(())
}

fn root() -> PathBuf {
    std::env::var_os("BUILD_WORKSPACE_DIRECTORY").map_or_else(PathBuf::new, PathBuf::from)
}

/// Replaces what stands after the marker.
fn renew(page: &Path, begin: &str, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    let whole = std::fs::read_to_string(page)?;
    let Some((own, _)) = whole.split_once(begin) else {
        return Err(format!("{} has no line {}", page.display(), begin.trim()).into());
    };
    std::fs::write(page, format!("{own}{begin}\n{}\n", text.trim_end()))?;
    Ok(())
}
