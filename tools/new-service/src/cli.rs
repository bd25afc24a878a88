//! The program: arguments in, a module out. Exit 0 is made, 1 is refused, 2 is could not be made.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::process::ExitCode;

use clap::Parser;
use shoal_modules::Workspace;

use crate::plan::Plan;
use crate::{Error, Result};

/// Makes a new module in place: crate, contract, handlers, migrations, tests, documentation, deployment, and its place in
/// every list. It builds, passes its tests and is served by `//:up` without a further edit.
///
/// All or nothing: when any step fails, every file is as it was before. Exit status: 0 made, 1 refused, 2 could not be made.
#[derive(Debug, Parser)]
#[command(name = "shoal-new-service", version)]
struct Cli {
    /// Name of the module: one word of lower-case letters and digits, such as shipping
    name: String,
    /// Team that answers for it, as in CODEOWNERS: shipping or @shoal/shipping
    #[arg(long, value_name = "TEAM")]
    owner: String,
    /// What it is for, one sentence that ends with a full stop
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// Loopback port; the next free one unless told
    #[arg(long)]
    port: Option<u16>,
    /// Check everything and list what would be written, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the files, but do not build the module to generate its contract
    #[arg(long, conflicts_with = "dry_run")]
    files_only: bool,
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
    match make(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shoal-new-service: {error}.");
            ExitCode::from(if matches!(error, Error::Refused(_)) {
                1
            } else {
                2
            })
        }
    }
}

fn make(cli: &Cli) -> Result<()> {
    let workspace = Workspace::discover()?;
    let plan = Plan::new(
        &workspace,
        &cli.name,
        &cli.owner,
        cli.about.as_deref(),
        cli.port,
    )?;
    let wish = &plan.wish;
    if cli.dry_run {
        println!(
            "{} of {} on port {} could be made. It would create",
            wish.name, wish.owner, wish.port
        );
        plan.created.keys().for_each(|path| println!("  {path}"));
        println!("  services/{}/contract/**", wish.name);
        println!("and change");
        plan.changed.keys().for_each(|path| println!("  {path}"));
        println!("Nothing was written.");
        return Ok(());
    }
    plan.carry_out(&workspace, cli.files_only, &|line| eprintln!("{line}"))?;
    println!(
        "services/{0} is made, for {1}, on port {2}.",
        wish.name, wish.owner, wish.port
    );
    if cli.files_only {
        println!(
            "Make its contract: ./bazelw run //services/{0}:renew && ./bazelw run //services/gateway:renew && ./bazelw run //tools/release -- graph --write",
            wish.name
        );
    }
    println!(
        "Test it:           ./bazelw test //services/{0}/...",
        wish.name
    );
    println!(
        "See it:            ./bazelw run //:up, then /{0}/v1/items at the gateway",
        wish.name
    );
    println!(
        "Begin with:        services/{0}/src/domain/items.rs and proto/proto/shoal/{0}/v1/{0}.proto",
        wish.name
    );
    println!(
        "Commit it:         git add services/{0} proto && git commit -a",
        wish.name
    );
    Ok(())
}
