//! Gates of contracts: what a change breaks, for whom, and what to do.
pub mod cli;
mod error;
pub mod proto;

pub use error::{Error, Result};
