//! Chance that comes again: each action of each saga draws from a seed of its
//! own.

use shoal_resilience::Draws;

/// A seed for one action of one saga.
pub(crate) fn seed_of(seed: u64, saga_id: &str, step: usize) -> u64 {
    let start = mix(seed ^ u64::try_from(step).unwrap_or(0));
    saga_id
        .bytes()
        .fold(start, |hash, byte| mix(hash ^ u64::from(byte)))
}

fn mix(seed: u64) -> u64 {
    Draws::seeded(seed).next_u64()
}
