//! The client-side throttle of Google's Site Reliability Engineering (2016,
//! chapter 21), with the figures that go-zero gives it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::Contender;

const WINDOW_S: u64 = 10;
/// Calls per accepted call that are let through.
const K: f64 = 1.5;
/// Calls that are let through without any accepted.
const PROTECTION: f64 = 5.0;
/// Once in this time a call passes in any case.
const FORCED: Duration = Duration::from_secs(1);

/// Drops each call with the probability
/// `max(0, (requests - protection - K * accepts) / (requests + 1))`.
pub(super) struct Throttle {
    /// Requests and accepts per quarter second, newest last.
    buckets: VecDeque<(u64, u64, u64)>,
    last_pass: Duration,
    random: StdRng,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self {
            buckets: VecDeque::new(),
            last_pass: Duration::ZERO,
            random: StdRng::seed_from_u64(1),
        }
    }

    fn count(&mut self, bucket: u64, accepted: bool) {
        match self.buckets.back_mut() {
            Some((newest, requests, accepts)) if *newest == bucket => {
                *requests += 1;
                *accepts += u64::from(accepted);
            }
            _ => self.buckets.push_back((bucket, 1, u64::from(accepted))),
        }
    }
}

impl Contender for Throttle {
    fn name(&self) -> &'static str {
        "SRE throttle"
    }

    fn call(&mut self, at: Duration, ok: bool, _took: Duration) -> bool {
        let bucket = u64::try_from(at.as_millis() / 250).unwrap_or(0);
        while let Some(&(oldest, ..)) = self.buckets.front()
            && bucket - oldest >= WINDOW_S * 4
        {
            self.buckets.pop_front();
        }
        let sum = |of: fn(&(u64, u64, u64)) -> u64| self.buckets.iter().map(of).sum::<u64>() as f64;
        let (requests, accepts) = (sum(|b| b.1), sum(|b| b.2));
        let drop = ((requests - PROTECTION - K * accepts) / (requests + 1.0)).max(0.0);
        let forced = at.saturating_sub(self.last_pass) > FORCED;
        if drop > 0.0 && !forced && self.random.random_bool(drop.min(1.0)) {
            // A dropped call is a request that was not accepted.
            self.count(bucket, false);
            return false;
        }
        self.last_pass = at;
        self.count(bucket, ok);
        true
    }
}
