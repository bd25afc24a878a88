//! Runs the whole platform as it runs in production, each service in processes
//! of its own over PostgreSQL, Redis and three members of etcd, and finds out
//! what it is worth: `soak` breaks parts of it under steady load and judges
//! whether anything was lost; `peak` looks for the highest rate that it carries.
//!
//! Load is open: requests start at their times whether or not earlier ones were
//! answered, and a latency counts from that time, so a platform that stalls
//! cannot hide it by slowing the load down (coordinated omission). Rejected: a
//! load generator off the shelf, which knows neither what an acknowledged order
//! is nor when a fault begins, and faults by `tc` or `iptables`, which need
//! rights that a CI runner does not have.

mod amounts;
mod bad_release;
mod faults;
mod judge;
mod peak;
mod platform;
mod plot;
mod programs;
mod record;
mod report;
mod scrape;
mod soak;
mod traffic;
mod verdict;

pub use peak::{PeakOptions, peak};
pub use soak::{Outcome, SoakOptions, soak};
pub use verdict::Verdict;
