//! Chance that comes again: each action of each saga draws from a seed of its
//! own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// A seed for one action of one saga.
pub(crate) fn seed_of(seed: u64, saga_id: &str, step: usize) -> u64 {
    // Unlike that of a map, the same in every process.
    let mut hasher = DefaultHasher::new();
    (seed, saga_id, step).hash(&mut hasher);
    hasher.finish()
}

/// The number in `[0, 1)` that belongs to a seed.
pub(crate) fn unit(seed: u64) -> f64 {
    SmallRng::seed_from_u64(seed).random()
}
