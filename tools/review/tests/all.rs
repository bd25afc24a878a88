//! The program against real git repositories that hold a tiny workspace, whose
//! `bazelw` and benchmark are small scripts: real processes, planted faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "all/fixture.rs"]
mod fixture;

#[path = "all/check.rs"]
mod check;
#[path = "all/contracts.rs"]
mod contracts;
#[path = "all/interrupt.rs"]
mod interrupt;
#[path = "all/plan.rs"]
mod plan;
#[path = "all/report.rs"]
mod report;
#[path = "all/schema.rs"]
mod schema;
