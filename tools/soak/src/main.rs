//! `./bazelw run -c opt //tools/soak -- …`
#![allow(clippy::print_stdout, reason = "this is where the tool talks")]
#![allow(clippy::print_stderr, reason = "this is where the tool talks")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shoal_error::{Error, Result, ResultExt as _};
use shoal_modules::Workspace;
use shoal_soak::{PeakOptions, SoakOptions, peak, soak};

/// Runs the whole platform under load, breaks parts of it, and judges what came
/// of it.
#[derive(Debug, Parser)]
#[command(name = "soak", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Steady load while billing fails, etcd loses its leader, Redis restarts
    /// and a gray release goes bad. Exits with 1 when a promise was broken.
    Soak {
        /// How long there is load.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Requests a second.
        #[arg(long, default_value_t = 150)]
        rate: u32,
        /// Chances of the traffic.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder of the report and its pictures.
        #[arg(long, value_name = "DIR", default_value = "soak-report")]
        report: PathBuf,
        /// Renews docs/soak.md and its pictures as well.
        #[arg(long)]
        write: bool,
    },
    /// The highest rate of 95 % reads and 5 % orders whose P99 keeps below the
    /// bound.
    Peak {
        /// How long the result is measured.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The rate that is hoped for, requests a second.
        #[arg(long, default_value_t = 12_000)]
        rate: u32,
        /// The bound on P99, in milliseconds.
        #[arg(long, default_value_t = 85.0)]
        p99: f64,
        /// Of a hundred requests, those that place an order.
        #[arg(long, default_value_t = 5)]
        orders: u32,
        /// Tries the given rate only.
        #[arg(long)]
        only: bool,
    },
}

const PAGE: &str = "docs/soak.md";
const IMAGES: &str = "docs/images/soak";
const BEGIN: &str = "<!-- made by `./bazelw run -c opt //tools/soak -- soak --write` -->\n";

/// Exit code after Ctrl-C (128 + SIGINT).
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let run = async {
        match Cli::parse().command {
            Command::Soak {
                minutes,
                rate,
                seed,
                report,
                write,
            } => {
                let options = SoakOptions {
                    time: Duration::from_secs_f64(minutes.max(0.5) * 60.0),
                    rate: rate.max(1),
                    seed,
                    report: Some(anchored(&report)),
                };
                run_soak(&options, write).await
            }
            Command::Peak {
                seconds,
                rate,
                p99,
                orders,
                only,
            } => {
                let options = PeakOptions {
                    time: Duration::from_secs(seconds.max(1)),
                    rate: rate.max(1),
                    p99_ms: p99,
                    orders,
                    only,
                };
                let text = peak(&options, |line| eprintln!("{line}")).await?;
                println!("{text}");
                Ok(ExitCode::SUCCESS)
            }
        }
    };
    // Dropping what runs ends every process that it started.
    tokio::select! {
        done = Box::pin(run) => done.unwrap_or_else(|error: Error| {
            eprintln!("soak: {}", error.report());
            ExitCode::from(2)
        }),
        _ = tokio::signal::ctrl_c() => ExitCode::from(INTERRUPTED),
    }
}

async fn run_soak(options: &SoakOptions, write: bool) -> Result<ExitCode> {
    let outcome = soak(options, |line| eprintln!("{line}")).await?;
    println!("{}", outcome.text);
    let good = outcome.verdicts.iter().all(|verdict| verdict.held);
    if let (true, Some(report)) = (write, &options.report) {
        publish(report, &outcome.text)?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Copies the pictures and renews what stands after the marker.
fn publish(report: &Path, text: &str) -> Result<()> {
    let workspace = Workspace::discover().internal()?;
    let images = workspace.path(IMAGES);
    std::fs::create_dir_all(&images).internal()?;
    for entry in std::fs::read_dir(report).internal()? {
        let path = entry.internal()?.path();
        if let (Some("svg"), Some(name)) =
            (path.extension().and_then(|e| e.to_str()), path.file_name())
        {
            std::fs::copy(&path, images.join(name)).internal()?;
        }
    }
    let text = text.replace("](", "](images/soak/");
    workspace.renew(PAGE, BEGIN, &text).internal()
}

/// A path as the person means it: `bazel run` tells in a variable from where.
fn anchored(path: &Path) -> PathBuf {
    let from = std::env::var_os("BUILD_WORKING_DIRECTORY");
    from.map_or_else(|| path.to_owned(), |from| Path::new(&from).join(path))
}
