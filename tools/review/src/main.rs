//! The review contract: plan, check, report.

fn main() {}
