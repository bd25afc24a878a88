//! Makes a new module in place: one that builds, tests and is served without a further edit.
//!
//! The templates are a whole service with one resource, cut as every service here is, so that a team begins by changing
//! what works. What is written besides the module's own folder (its contracts, the lists that name every module) is
//! edited where it is, at the one place that each list has; an edit that does not find its place fails before anything
//! is written.
//!
//! Rejected: `cargo generate` and cookiecutter (they fill an empty folder, and most of the work here is joining lists
//! that exist), a skeleton to be copied by hand (it rots unseen; this one is built and tested in CI), and lists found by
//! wildcards (neither Cargo's Bazel side nor reviews can see what joined).

pub mod cli;
mod edits;
mod error;
mod finish;
mod lists;
mod lock;
mod name;
mod plan;
mod template;
mod write;

pub use error::{Error, Result};
pub use plan::{Plan, Wish};
