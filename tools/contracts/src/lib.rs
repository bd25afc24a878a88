//! Gates of contracts: what a change breaks, for whom, and what to do.
pub mod bump;
pub mod check;
pub mod cli;
pub mod contract;
mod document;
mod error;
pub mod openapi;
pub mod proto;
pub mod render;
mod report;
pub mod rules;
mod schema;
mod today;

use std::path::Path;

use serde_json::Value;

pub use bump::{Bump, needed_bump};
pub use contract::{Contract, Kind};
pub use document::Document;
pub use error::{Error, Result};
pub use openapi::Options;
pub use report::{Finding, Report, Severity};

/// Compares two OpenAPI documents that the caller holds; findings name them `old` and `new`.
///
/// # Errors
/// When either is not an OpenAPI 3.x document of which every part can be compared.
pub fn diff_openapi(old: &Value, new: &Value) -> Result<Report> {
    let document = |name: &str, value: &Value| Document {
        name: name.to_owned(),
        value: value.clone(),
    };
    let (old, new) = (document("old", old), document("new", new));
    openapi::diff(&old, &new, &Options::default())
}

/// Compares two folders with contracts, such as `services/order/releases/1.0.0` and `services/order/contract`.
///
/// # Errors
/// When a folder cannot be read, or a part of it is not what its name says.
pub fn diff_contracts(old: &Path, new: &Path) -> Result<Report> {
    let (old, new) = (Contract::read(old)?, Contract::read(new)?);
    contract::diff(&old, &new, &Options::default())
}
