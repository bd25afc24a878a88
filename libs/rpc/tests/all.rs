//! Both stacks against each other over loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "all/balance.rs"]
mod balance;
#[path = "all/breaker.rs"]
mod breaker;
#[path = "all/cancellation.rs"]
mod cancellation;
#[path = "all/colour.rs"]
mod colour;
#[path = "all/cut_off.rs"]
mod cut_off;
#[path = "all/deadlines.rs"]
mod deadlines;
#[path = "all/degraded.rs"]
mod degraded;
#[path = "all/errors.rs"]
mod errors;
#[path = "all/hedging.rs"]
mod hedging;
#[path = "all/mesh.rs"]
mod mesh;
#[path = "all/outliers.rs"]
mod outliers;
#[path = "all/overload.rs"]
mod overload;
#[path = "all/probe.rs"]
mod probe;
#[path = "all/retry.rs"]
mod retry;
#[path = "all/trace.rs"]
mod trace;
