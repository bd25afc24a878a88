//! One call to one instance, from choosing it to its answer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use shoal_context::Context;
use tokio::time::Instant;

use crate::{Dependency, Latency, Seat, Turn};

/// A call under way to an instance. Dropped before it ended, it was given up,
/// for lack of time or because nobody waits for it any more: that counts against
/// the instance if the call was late by then.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts nothing"]
pub struct InstanceCall {
    dependency: Arc<Dependency>,
    latency: Arc<Latency>,
    turn: Turn,
    begun: Duration,
    deadline: Option<Instant>,
    told: bool,
}

impl Dependency {
    /// Begins a call of `method` to the instance, for `context`.
    pub fn call_to(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        method: &str,
        context: &Context,
    ) -> InstanceCall {
        let begun = self.now();
        InstanceCall {
            latency: self.latencies().of(method),
            turn: seat.begin(begun),
            dependency: Arc::clone(self),
            begun,
            deadline: context.deadline(),
            told: false,
        }
    }
}

impl InstanceCall {
    /// Waits for the answer. When it takes long, the instance is asked to account
    /// for its silence; the wait goes on.
    pub async fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        let settings = self.dependency.outliers().settings();
        let patience = Duration::from_millis(settings.silent_ms);
        if let Ok(answer) = tokio::time::timeout(patience, &mut answer).await {
            return answer;
        }
        self.turn.overdue(self.dependency.now());
        answer.await
    }

    /// It answered, and not with a failure of its own.
    pub fn answered(mut self) {
        let (took, now) = self.end();
        let late = self.is_late(took);
        self.latency.record(took, now);
        self.turn.answered(late, now);
    }

    /// It answered with a failure of its own.
    pub fn failed(mut self) {
        let (_, now) = self.end();
        self.turn.failed(now);
    }

    /// The deadline passed: its fault if it had had the time that others need.
    pub fn timed_out(mut self) {
        self.ran_out();
    }

    /// The connection ended before an answer, as it may where connections are
    /// kept: a failure, but the instance can be reached.
    pub fn broke_off(mut self) {
        let (_, now) = self.end();
        self.turn.unanswered(now);
    }

    /// No connection to it could be opened, or it broke.
    pub fn unreachable(mut self) {
        let (_, now) = self.end();
        self.turn.unreachable(now);
    }

    /// How it ended says nothing about the instance.
    pub fn says_nothing(mut self) {
        self.told = true;
    }

    fn ran_out(&mut self) {
        let (took, now) = self.end();
        let silent = Duration::from_millis(self.dependency.outliers().settings().silent_ms);
        if self.is_late(took) || took >= silent {
            self.turn.unanswered(now);
        }
        self.latency.record_abandoned(took, now);
    }

    fn end(&mut self) -> (Duration, Duration) {
        self.told = true;
        let now = self.dependency.now();
        (now.saturating_sub(self.begun), now)
    }

    fn is_late(&self, took: Duration) -> bool {
        self.late_after().is_some_and(|late| took > late)
    }

    fn late_after(&self) -> Option<Duration> {
        let settings = self.dependency.outliers().settings();
        let usual = self.latency.median()?;
        let least = Duration::from_millis(settings.slow_min_ms);
        Some(usual.mul_f64(settings.slow_factor).max(least))
    }
}

impl Drop for InstanceCall {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        if self.deadline.is_some_and(|by| Instant::now() >= by) {
            self.ran_out();
            return;
        }
        let (waited, now) = self.end();
        self.latency.record_abandoned(waited, now);
        if self.is_late(waited) {
            self.turn.late(now);
        }
    }
}
