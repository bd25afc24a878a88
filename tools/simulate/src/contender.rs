//! The breakers that are compared.

mod fixed;
mod others;
mod ours;
mod sre;

use std::time::Duration;

use crate::clock::Held;

/// A breaker under trial. What becomes of a call is known at once to all.
pub trait Contender {
    /// As tables have it.
    fn name(&self) -> &'static str;

    /// Lets the call through and sees what becomes of it, or refuses it.
    /// The machine's clock is held at the time of the call.
    fn call(&mut self, at: Duration, ok: bool, took: Duration) -> bool;

    /// The share of failures beyond which it trips, where it can say.
    fn threshold(&self, _now: Duration) -> Option<f64> {
        None
    }
}

/// All of them, new. Made while the clock is held.
pub fn contenders(_clock: &Held) -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(ours::Ours::new()),
        Box::new(fixed::Fixed::new()),
        Box::new(sre::Throttle::new()),
        Box::new(others::Recloser::new()),
        Box::new(others::Failsafe::new()),
        Box::new(others::TowerResilience::new()),
        Box::new(others::RsZero::new()),
    ]
}
