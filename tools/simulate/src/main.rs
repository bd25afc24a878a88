//! `bazel run //tools/simulate -- …`
#![allow(clippy::print_stdout, reason = "this is where the tool talks")]
#![allow(clippy::print_stderr, reason = "this is where the tool talks")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shoal_modules::Workspace;
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

/// Where a table and its pictures are shown.
struct Page {
    path: &'static str,
    images: &'static str,
    /// The line after which the table stands.
    begin: &'static str,
}

const BREAKERS: Page = Page {
    path: "docs/breakers.md",
    images: "docs/images/breakers",
    begin: "<!-- made by `./bazelw run -c opt //tools/simulate -- breakers --write` -->\n",
};
const LIMITS: Page = Page {
    path: "docs/limits.md",
    images: "docs/images/limits",
    begin: "<!-- made by `./bazelw run -c opt //tools/simulate -- limits --write` -->\n",
};

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

fn breakers(seed: u64, only: &str, write: bool) -> Result<(), Box<dyn Error>> {
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
    if !write {
        return Ok(());
    }
    publish(&BREAKERS, &text, |folder| {
        let mut all = results.iter();
        all.try_for_each(|(scenario, runs)| draw(folder, scenario, runs))
    })
}

fn limits(seed: u64, only: &str, write: bool) -> Result<(), Box<dyn Error>> {
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
    if !write {
        return Ok(());
    }
    publish(&LIMITS, &text, |folder| {
        let mut all = results.iter();
        all.try_for_each(|(story, runs)| draw_limits(folder, story, runs))
    })
}

/// Draws into the folder of the pictures and renews what stands on the page.
fn publish(
    page: &Page,
    text: &str,
    draw: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let workspace = Workspace::discover()?;
    let images = workspace.path(page.images);
    std::fs::create_dir_all(&images)?;
    draw(&images)?;
    Ok(workspace.renew(page.path, page.begin, text)?)
}
