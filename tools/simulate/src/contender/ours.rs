//! The adaptive breaker of this repository, as it comes.

use std::time::Duration;

use shoal_resilience::{Breaker, BreakerSettings};

use super::Contender;

pub(super) struct Ours(Breaker);

impl Ours {
    pub(super) fn new() -> Self {
        Self(Breaker::new(
            BreakerSettings::default(),
            1,
            Duration::ZERO,
            |_| {},
        ))
    }
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "shoal"
    }

    fn call(&mut self, at: Duration, ok: bool, took: Duration) -> bool {
        match self.0.acquire(at) {
            Err(_) => return false,
            Ok(permit) if ok => permit.success(took, at),
            Ok(permit) => permit.failure(at),
        }
        true
    }

    fn threshold(&self, now: Duration) -> Option<f64> {
        Some(self.0.snapshot(now).threshold)
    }
}
