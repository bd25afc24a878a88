//! The review contract: plan, check, report.
pub mod bench;
pub mod change;
pub mod plan;
