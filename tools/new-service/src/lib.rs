//! Scaffolds a module in place.
