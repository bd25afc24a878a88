//! Billing: payments, the ledger behind them, invoices and statements.
//!
//! | where | what |
//! |---|---|
//! | [`domain`] | the rules: the payment state machine, double entry, documents |
//! | [`engine`] | operations from the request to the settled outcome |
//! | [`provider`] | payment providers; the sandbox |
//! | `store` | SQL |
//! | `api`, `rpc` | HTTP and gRPC over the same engine |
//! | [`events`] | what billing announces |
//! | [`config`], [`codes`] | settings and error codes |
//!
//! It needs no other service; orders call it over gRPC and everyone hears of
//! its events. Rejected: a ledger service of its own (capture and booking would
//! need a saga to stay together), and balances kept as numbers that are updated
//! (nobody could say how they came about).

mod api;
pub mod codes;
pub mod config;
pub mod domain;
pub mod engine;
pub mod events;
mod metrics;
mod module;
pub mod provider;
mod rpc;
mod store;

pub use module::{Billing, State};
