//! The change under review: base, files, packages, contracts, dependencies.

pub mod lock;
pub mod packages;
pub mod scope;
