//! `bazel run //tools/portal -- build …`
#![allow(clippy::print_stdout, reason = "this is where the tool talks")]
#![allow(clippy::print_stderr, reason = "this is where the tool talks")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shoal_portal::{Options, Summary, build};

/// Exit code for a command line that cannot be used (`EX_USAGE`).
const USAGE: u8 = 64;

/// Builds the documentation portal, a static site of every module's contract.
///
/// `./bazelw build //docs/portal` calls it with everything that it needs; the
/// platform serves the site under /docs.
#[derive(Debug, Parser)]
#[command(name = "shoal-portal", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds the site from the repository's contracts and documents.
    ///
    /// Exit code 0: built. 1: a link leads nowhere. 2: the input cannot be read
    /// or the site cannot be written.
    Build {
        /// Top of the repository: services/*, docs/** and CODEOWNERS are read there.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// Contract of a service, in place of services/NAME/contract.
        #[arg(long = "contract", value_name = "NAME=DIR", value_parser = pair)]
        contracts: Vec<(String, PathBuf)>,
        /// Unpacked npm package: scalar (@scalar/api-reference) or minisearch.
        #[arg(long = "asset", value_name = "NAME=DIR", value_parser = pair)]
        assets: Vec<(String, PathBuf)>,
        /// Folder of the site. An older site there is replaced.
        #[arg(long)]
        out: PathBuf,
        /// Prints nothing but errors.
        #[arg(long)]
        quiet: bool,
    },
}

fn pair(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), folder.into()))
        }
        _ => Err("write NAME=DIR".to_owned()),
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let Command::Build {
        root,
        contracts,
        assets,
        out,
        quiet,
    } = cli.command;
    let options = Options {
        root,
        contracts: contracts.into_iter().collect(),
        assets: assets.into_iter().collect(),
        out,
    };
    match build(&options) {
        Ok(summary) if quiet => drop(summary),
        Ok(summary) => tell(&options, &summary),
        Err(error) => {
            eprintln!("shoal-portal: {error}");
            return ExitCode::from(error.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn tell(options: &Options, summary: &Summary) {
    let out = options.out.display();
    println!("{} pages in {out}", summary.pages);
    println!("{:<28}{:>10}{:>12}", "", "KiB", "gzip KiB");
    for part in &summary.parts {
        let (raw, gzip) = (part.raw.div_ceil(1024), part.gzip.div_ceil(1024));
        println!("{:<28}{raw:>10}{gzip:>12}", part.name);
    }
}
