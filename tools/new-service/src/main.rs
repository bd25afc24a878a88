//! Scaffolds a module in place.

fn main() {}
