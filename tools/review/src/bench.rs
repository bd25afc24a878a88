//! Benchmarks: their protocol, their statistics, their rounds.

pub mod compare;
pub mod protocol;
pub mod rounds;
pub mod stats;
