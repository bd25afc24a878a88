//! Who has asked for too much: one bucket per caller (GCRA, by the `governor`
//! crate).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use shoal_error::{CommonCode, Error, Result};

use crate::config::RateLimitConfig;

/// Buckets are swept early when there are more than this.
const MANY_BUCKETS: usize = 100_000;

/// The buckets of all callers.
#[derive(Debug)]
pub(crate) struct Limits {
    users: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limits {
    pub(crate) fn new(config: &RateLimitConfig) -> Self {
        Self {
            users: RateLimiter::keyed(quota(config.per_user, config.burst_s)),
            addresses: RateLimiter::keyed(quota(config.per_address, config.burst_s)),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one request out of a user's bucket.
    pub(crate) fn user(&self, id: &str) -> Result<()> {
        if self.users.len() > MANY_BUCKETS {
            self.users.retain_recent();
        }
        self.users
            .check_key(&id.to_owned())
            .map_err(|not_until| self.refuse(&not_until))
    }

    /// Takes one request out of an address's bucket.
    pub(crate) fn address(&self, ip: IpAddr) -> Result<()> {
        if self.addresses.len() > MANY_BUCKETS {
            self.addresses.retain_recent();
        }
        self.addresses
            .check_key(&ip)
            .map_err(|not_until| self.refuse(&not_until))
    }

    /// Forgets the buckets that are full again.
    pub(crate) fn sweep(&self) {
        self.users.retain_recent();
        self.addresses.retain_recent();
        self.users.shrink_to_fit();
        self.addresses.shrink_to_fit();
    }

    fn refuse(&self, not_until: &governor::NotUntil<governor::clock::QuantaInstant>) -> Error {
        let wait = not_until.wait_time_from(self.clock.now());
        Error::new(
            CommonCode::TooManyRequests,
            "You sent more requests than your share.",
        )
        .with_retry_after(wait.max(Duration::from_millis(1)))
    }
}

fn quota(per_second: u32, burst_s: u32) -> Quota {
    let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second))
        .allow_burst(at_least_one(per_second.saturating_mul(burst_s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_callers_burst_does_not_touch_another() {
        let limits = Limits::new(&RateLimitConfig {
            per_user: 1,
            per_address: 1,
            burst_s: 3,
        });
        for _ in 0..3 {
            limits.user("usr_a").unwrap();
        }
        let refused = limits.user("usr_a").unwrap_err();
        assert!(refused.is(CommonCode::TooManyRequests));
        assert!(refused.retry_after().unwrap() <= Duration::from_secs(1));
        limits.user("usr_b").unwrap();
        limits.address(IpAddr::from([127, 0, 0, 1])).unwrap();
        limits.sweep();
        assert!(limits.user("usr_a").is_err(), "a sweep must not forgive");
    }
}
