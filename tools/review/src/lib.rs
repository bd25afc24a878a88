//! The review contract: a change carries a plan, the plan is checked, and what
//! it promises is measured on base and head.
//!
//! A reviewer wants to know three things that a diff does not show: what else
//! the change reaches, what it does to those who use it, and what it costs.
//! `plan` answers the first from the graph of crates, contracts and events and
//! asks the author for the rest; `check` refuses a plan that answers
//! nothing; `report` runs the commands and benchmarks that the plan names, on
//! both sides of the change, and writes down what came of it. All of it works
//! from a clone, without the net.
//!
//! | module | what |
//! |---|---|
//! | [`change`] | files, packages, contracts, third-party packages: what the change is |
//! | [`plan`] | `review-plan.md`: read, composed, promises |
//! | [`check`] | refusals of a plan |
//! | [`bench`] | the protocol of benchmarks, rounds in turns, exact intervals |
//! | [`report`] | `diff-report.json` and its page |
//! | [`run`] | processes within their time, worktrees that go away |
//!
//! Rejected: `criterion`'s own comparisons (they compare with a run of another
//! hour, when the machine was another), means and t-tests (one disturbed round
//! of eight decides them), a plan as YAML beside the text (two files that must
//! agree, and a reviewer reads neither), and a service that measures (a
//! reviewer on a train has none). ADR 15 has the reasons.

pub mod bench;
pub mod change;
pub mod check;
pub mod cli;
pub mod error;
pub mod output;
pub mod plan;
pub mod report;
pub mod run;
