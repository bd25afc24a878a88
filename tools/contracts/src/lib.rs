//! Gates of contracts: what a change breaks, for whom, and what to do.
//!
//! Modules of this repository are released on their own, so a change of one must not break another, or a client,
//! unnoticed. Each build writes a module's contract down (`services/NAME/contract`); this crate compares two
//! such contracts and says of each difference who notices. [`check`] holds that against the version and the
//! changelog, and refuses a break without the major step.
//!
//! From the ground up: [`Document`] and `schema` (what a change of a JSON Schema does to those who send, and to
//! those who receive), [`openapi`], [`contract`] (all parts of a contract), [`proto`], [`bump`], [`check`], [`cli`].
//! Every finding carries a rule of [`rules`]; `corpus/` shows each at work, beside its harmless neighbours.
//!
//! Rejected, with figures in ADR 12: `oasdiff` (Go; no settings and no events, and a second program beside `buf`
//! whose findings would have to be told apart from ours), `drift` (OpenAPI 3.0 only; leaves half of the corpus
//! undecided), typed models such as `oas3` and `openapiv3` (drop what they do not know, so that a change there would
//! pass as none).

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
