//! The program: arguments in, findings out. Exit 0 is clean, 1 is a break, 2 is "could not be checked".
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use shoal_modules::Workspace;

use crate::check::{self, Request};
use crate::contract::{self, Contract, Kind};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::openapi::Options;
use crate::proto::buf::Buf;
use crate::report::{Report, Severity};
use crate::{render, rules};

/// Says what a change of contracts breaks, for whom, and what to do.
///
/// Exits with 0 when nothing breaks, with 1 when something breaks or is refused, and with 2 when something could not be
/// checked.
#[derive(Debug, Parser)]
#[command(name = "shoal-contracts", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the workspace with a base: contracts, versions, changelogs
    Check(Check),
    /// Compare two documents, or two folders with contracts
    Diff(Diff),
    /// Write the reference of a proto package as markdown
    ProtoDocs(ProtoDocs),
    /// Print every rule with its severity and meaning, the content of tools/contracts/RULES.md
    Rules(Rules),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
struct Check {
    /// Commit, branch or tag to compare the work tree with; with --module also a released version such as 1.2.0
    #[arg(long, value_name = "REV")]
    base: String,
    /// Check this module only
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Program buf, which compares proto contracts
    #[arg(long, value_name = "FILE", env = "SHOAL_BUF")]
    buf: Option<PathBuf>,
    /// Leave proto contracts out, whatever names buf
    #[arg(long)]
    no_proto: bool,
    /// Folder of the workspace; found from the current folder unless told
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Diff {
    /// Document or folder as it was
    old: PathBuf,
    /// Document or folder as it is
    new: PathBuf,
    /// What the documents are; seen from their content and names unless told
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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

#[derive(Debug, Args)]
struct Rules {
    /// How to print them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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
        Command::Check(args) => check(args),
        Command::Diff(args) => diff(&args),
        Command::ProtoDocs(args) => proto_docs(&args),
        Command::Rules(args) => list_rules(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("shoal-contracts: {error}");
        ExitCode::from(2)
    })
}

fn check(args: Check) -> Result<ExitCode> {
    let workspace = match &args.workspace {
        Some(folder) => Workspace::at(folder)?,
        None => Workspace::discover()?,
    };
    let buf = match args.no_proto {
        true => None,
        false => Some(Buf::find(args.buf.as_deref())?),
    };
    let outcome = check::check(
        &workspace,
        &Request {
            base: args.base,
            module: args.module,
            buf,
            options: Options::default(),
        },
    )?;
    match args.format {
        Format::Text => print!("{}", render::outcome(&outcome)),
        Format::Json => println!("{}", json(&outcome)?),
    }
    Ok(ExitCode::from(u8::from(!outcome.is_accepted())))
}

fn diff(args: &Diff) -> Result<ExitCode> {
    let report = if args.old.is_dir() && args.new.is_dir() {
        folders(&args.old, &args.new)?
    } else {
        documents(args)?
    };
    match args.format {
        Format::Text => print!("{}", render::report(&report)),
        Format::Json => println!("{}", json(&report)?),
    }
    let breaks = report.worst() == Some(Severity::Breaking);
    Ok(ExitCode::from(u8::from(breaks)))
}

fn folders(old: &Path, new: &Path) -> Result<Report> {
    let (before, after) = (Contract::read(old)?, Contract::read(new)?);
    for (contract, folder) in [(&before, old), (&after, new)] {
        let known = contract.files.keys().any(|f| Kind::of_path(f).is_some());
        if !known {
            let folder = folder.display();
            return Err(Error::Usage(format!(
                "{folder}: there is no part of a contract in it"
            )));
        }
    }
    contract::diff(&before, &after, &Options::default())
}

fn documents(args: &Diff) -> Result<Report> {
    let (old, new) = (Document::load(&args.old)?, Document::load(&args.new)?);
    let kind = match args.kind {
        Some(kind) => kind,
        None => {
            let (old_kind, new_kind) = (Kind::of(&old)?, Kind::of(&new)?);
            if old_kind != new_kind {
                return Err(Error::KindMismatch {
                    old: old.name,
                    old_kind: old_kind.name(),
                    new: new.name,
                    new_kind: new_kind.name(),
                });
            }
            new_kind
        }
    };
    contract::diff_documents(kind, &old, &new, &Options::default())
}

fn proto_docs(args: &ProtoDocs) -> Result<ExitCode> {
    let pages = args
        .package
        .iter()
        .map(|p| crate::proto::render_docs(&args.proto_dir, p))
        .collect::<Result<Vec<_>>>()?;
    write(args.out.as_deref(), &pages.join("\n"))
}

fn list_rules(args: &Rules) -> Result<ExitCode> {
    let text = match args.format {
        Format::Text => rules::markdown(),
        Format::Json => json(&rules::all().collect::<Vec<_>>())? + "\n",
    };
    write(args.out.as_deref(), &text)
}

fn write(out: Option<&Path>, text: &str) -> Result<ExitCode> {
    match out {
        Some(file) => std::fs::write(file, text).map_err(Error::io(file))?,
        None => print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map_err(|e| Error::Usage(format!("cannot print as JSON: {e}")))
}
