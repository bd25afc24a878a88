//! Gates of contracts: what a change breaks, for whom, and what to do.

fn main() {}
