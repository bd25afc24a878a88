//! The review contract: plan, check, report.

use std::process::ExitCode;

fn main() -> ExitCode {
    shoal_review::cli::run()
}
