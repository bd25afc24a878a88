//! The crates in common use, told to trip at 10 % where they can be told.

use std::future::{Ready, ready};
use std::time::Duration;

use failsafe::CircuitBreaker as _;
use futures::FutureExt as _;
use rs_zero::resil::{BreakerConfig, BreakerPolicyConfig, SharedCircuitBreaker};
use tower::util::{BoxService, service_fn};
use tower::{Layer as _, Service as _};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

use super::Contender;

const PAUSE: Duration = Duration::from_secs(5);

/// Counts the last 1,000 calls, whenever they were.
pub(super) struct Recloser(recloser::Recloser);

impl Recloser {
    pub(super) fn new() -> Self {
        let breaker = recloser::Recloser::custom()
            .error_rate(0.10)
            .closed_len(1_000)
            .half_open_len(10)
            .open_wait(PAUSE)
            .build();
        Self(breaker)
    }
}

impl Contender for Recloser {
    fn name(&self) -> &'static str {
        "recloser 1.4"
    }

    fn call(&mut self, _at: Duration, ok: bool, _took: Duration) -> bool {
        let outcome = self.0.call(|| ok.then_some(()).ok_or(()));
        !matches!(outcome, Err(recloser::Error::Rejected))
    }
}

/// A moving mean of successes over a minute.
pub(super) struct Failsafe(Box<dyn FnMut(bool) -> bool>);

impl Failsafe {
    pub(super) fn new() -> Self {
        let policy = failsafe::failure_policy::success_rate_over_time_window(
            0.90,
            20,
            Duration::from_secs(60),
            failsafe::backoff::constant(PAUSE),
        );
        let breaker = failsafe::Config::new().failure_policy(policy).build();
        Self(Box::new(move |ok| {
            let outcome = breaker.call(|| ok.then_some(()).ok_or(()));
            !matches!(outcome, Err(failsafe::Error::Rejected))
        }))
    }
}

impl Contender for Failsafe {
    fn name(&self) -> &'static str {
        "failsafe 1.3"
    }

    fn call(&mut self, _at: Duration, ok: bool, _took: Duration) -> bool {
        (self.0)(ok)
    }
}

/// A window of a minute.
pub(super) struct TowerResilience(BoxService<bool, bool, String>);

impl TowerResilience {
    pub(super) fn new() -> Self {
        let layer = CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.10)
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(Duration::from_secs(60))
            .minimum_number_of_calls(20)
            .wait_duration_in_open(PAUSE)
            .permitted_calls_in_half_open(5)
            .build();
        #[expect(clippy::expect_used, reason = "these settings are constant")]
        let layer = layer.expect("the settings of the crate's own documentation");
        let inner = service_fn(|ok: bool| -> Ready<Result<bool, String>> {
            ready(ok.then_some(true).ok_or_else(|| FAILED.to_owned()))
        });
        let service = tower::ServiceExt::<bool>::map_err(layer.layer(inner), |e| e.to_string());
        Self(BoxService::new(service))
    }
}

const FAILED: &str = "the call failed";

impl Contender for TowerResilience {
    fn name(&self) -> &'static str {
        "tower-resilience 0.14"
    }

    fn call(&mut self, _at: Duration, ok: bool, _took: Duration) -> bool {
        let ready = futures::future::poll_fn(|cx| self.0.poll_ready(cx)).now_or_never();
        if !matches!(ready, Some(Ok(()))) {
            return false;
        }
        match self.0.call(ok).now_or_never() {
            Some(Ok(_)) => true,
            Some(Err(error)) => error.contains(FAILED),
            None => false,
        }
    }
}

/// Its variant of the SRE throttle.
pub(super) struct RsZero(SharedCircuitBreaker);

impl RsZero {
    pub(super) fn new() -> Self {
        Self(SharedCircuitBreaker::with_policy(
            BreakerConfig::default(),
            BreakerPolicyConfig::google_sre(),
        ))
    }
}

impl Contender for RsZero {
    fn name(&self) -> &'static str {
        "rs-zero 0.2"
    }

    fn call(&mut self, _at: Duration, ok: bool, _took: Duration) -> bool {
        let outcome = self.0.allow().now_or_never();
        let Some(Ok(guard)) = outcome else {
            return false;
        };
        let told = if ok {
            guard.record_success().now_or_never()
        } else {
            guard.record_failure().now_or_never()
        };
        told.is_some()
    }
}
