//! The whole platform in one process, for people who try it, for end-to-end
//! tests and for benchmarks.
//!
//! The services are the same modules that run as programs of their own, each on
//! its own port with its own database, and they call each other over gRPC as
//! they would between machines. Rejected: direct calls between modules in one
//! process, which would be faster and would test nothing that runs in
//! production.

mod admin;
mod cli;
mod failure;
mod modules;
mod platform;
mod seed;
pub mod walkthrough;

pub use admin::Admin;
pub use cli::{GrayOption, LogForm, Options};
pub use failure::UpError;
pub use modules::Addresses;
pub use platform::{GrayInstance, Up, anchored};
