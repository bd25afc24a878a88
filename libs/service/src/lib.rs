//! The chassis: what every service has without its team writing any of it.
//!
//! A service is a type that implements [`Module`]. The chassis reads its
//! settings, opens its port and its database, puts the HTTP and gRPC stacks
//! around its handlers, runs its background work, answers the operational
//! endpoints, completes its OpenAPI document and ends it in order. The same
//! module runs as a program of its own ([`main!`]) or beside others in one
//! process ([`start`]).
//!
//! Where to find what: `config` layered settings · `listen` the port · `http`
//! the HTTP stack · `extract` typed input · `identity` access tokens · `ops`
//! operational endpoints · `openapi` the document · `contract` what others rely on, as files · `start`, `running`, `run`
//! the life of a service.
//!
//! Rejected: a framework that calls handlers through its own traits (axum and
//! tonic are what people know, and their handlers stay testable without us);
//! `axum::serve` (no limits); one router for both protocols (gRPC errors and
//! HTTP problems need different stacks); code generation of handlers from
//! contracts (the document is generated from the handlers instead).

mod cli;
pub mod config;
mod contract;
mod error;
mod extract;
mod http;
pub mod identity;
mod listen;
mod mesh;
mod module;
pub mod openapi;
mod ops;
mod platform;
mod registry;
mod run;
mod running;
mod shared;
mod start;
mod wiring;

pub use config::{ChassisConfig, ConfigFault, Settings, Sources};
pub use error::StartError;
pub use extract::{IdempotencyKey, Json, PageRequest, Path, Query, body_error, present};
pub use identity::{Identity, IdentityVerifier, OptionalIdentity};
pub use mesh::of_folder as mesh_secret_of_folder;
pub use module::{Built, Module, ModuleContext, Peer};
pub use ops::BuildInfo;
pub use platform::Platform;
#[doc(hidden)]
pub use run::Allocator;
pub use run::{run, run_stamped, run_with, shutdown_signal};
pub use running::{Running, ShutdownReport};
pub use start::start;

pub use clap;
pub use shoal_context::{Class, Context};
pub use shoal_resilience::Classes;
pub use shoal_rpc::MeshSecret;
pub use utoipa_axum::router::OpenApiRouter;
pub use utoipa_axum::routes;
