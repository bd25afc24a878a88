//! Gates of contracts: what a change breaks, for whom, and what to do.
pub mod cli;
mod document;
mod error;
pub mod openapi;
pub mod proto;
mod report;
pub mod rules;
mod schema;
mod today;

pub use document::Document;
pub use error::{Error, Result};
pub use report::{Finding, Report, Severity};
