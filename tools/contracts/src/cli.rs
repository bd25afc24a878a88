//! The program: arguments in, findings out. Exit 0 is clean, 1 is a break, 2 is "could not be checked".
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::error::{Error, Result};

/// Says what a change of contracts breaks, for whom, and what to do.
#[derive(Debug, Parser)]
#[command(name = "shoal-contracts", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the reference of a proto package as markdown
    ProtoDocs(ProtoDocs),
}

#[derive(Debug, Args)]
struct ProtoDocs {
    /// Package to describe, such as shoal.order.v1; repeat for several, which follow each other
    #[arg(long, required = true)]
    package: Vec<String>,
    /// Folder that imports are relative to
    #[arg(long, value_name = "DIR")]
    proto_dir: PathBuf,
    /// File to write; standard output unless told
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
    let outcome = match cli.command {
        Command::ProtoDocs(args) => proto_docs(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("shoal-contracts: {error}");
        ExitCode::from(2)
    })
}

fn proto_docs(args: &ProtoDocs) -> Result<ExitCode> {
    let pages = args
        .package
        .iter()
        .map(|p| crate::proto::render_docs(&args.proto_dir, p))
        .collect::<Result<Vec<_>>>()?;
    let text = pages.join("\n");
    match &args.out {
        Some(file) => std::fs::write(file, text).map_err(Error::io(file))?,
        None => print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}
