//! Gates of contracts: what a change breaks, for whom, and what to do.

use std::process::ExitCode;

fn main() -> ExitCode {
    shoal_contracts::cli::run()
}
