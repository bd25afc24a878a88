//! Federated releases: each module's version, changelog, frozen contract and tag, and the graph that keeps modules apart.
//!
//! A module is released on its own: `cut` moves its changelog, stamps its version, freezes its contract below
//! `releases/<version>/` and tags the commit. The frozen contract is what gates compare with, what the portal shows, and
//! what compatibility tests drive the newer servers with, so all of them work offline and from a shallow clone.
//!
//! Rejected: `cargo release` and `release-plz` (they publish crates to a registry and know semantic versions of Rust
//! interfaces; here the version promises an HTTP, gRPC and event contract, and nothing is published), one version for the
//! whole repository (every team would wait for every other), and contracts read out of old tags (a shallow clone, which
//! is what most CI machines have, could not run a gate).

pub mod bump;
pub mod cli;
mod compare;
pub mod cut;
mod error;
mod files;
pub mod graph;
mod pending;
mod report;
pub mod standing;

pub use error::{Error, Result};
