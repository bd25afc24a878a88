//! The worker over a [`TableQueue`]: claims, attempts, decides, settles.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shoal_context::Context;
use shoal_error::Result;
use shoal_resilience::{Next, RetryPolicy};
use shoal_store::{Tx, quietly};
use shoal_task::{PumpConfig, Queue, Scope, pump};
use shoal_telemetry::propagate;
use sqlx::FromRow;
use sqlx::any::AnyRow;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::metrics;
use crate::table::{Claim, Row, TableQueue};

/// What a queue's work is. Everything around it is the [`Worker`]'s.
pub trait Work: Send + Sync + 'static {
    /// Columns of the table that an attempt needs, as [`Work::COLUMNS`] names
    /// them.
    type Job: for<'r> FromRow<'r, AnyRow> + Send + Sync + Unpin + 'static;
    /// What an attempt hands to [`Work::settled`].
    type Note: Send + Sync + 'static;

    /// Columns of [`Work::Job`], separated by commas; not the queue's own.
    const COLUMNS: &'static str;

    /// The span of an attempt; it becomes part of the trace of the cause.
    fn span(&self, claimed: &Claimed<Self::Job>) -> Span;

    /// One attempt, in no transaction, in the context of the cause. It may be
    /// repeated after a success that could not be recorded.
    fn attempt(
        &self,
        claimed: &Claimed<Self::Job>,
    ) -> impl Future<Output = (Result<(), Failure>, Self::Note)> + Send;

    /// What is to be written of the attempt besides its verdict, in the
    /// transaction that records it; only when the work is still ours.
    fn settled(
        &self,
        tx: &mut Tx,
        settled: &Settled<'_, Self>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Small chores, once per poll.
    fn tidy(&self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Work in this worker's hands, under a lease.
#[derive(Debug)]
pub struct Claimed<J> {
    /// Its id.
    pub id: String,
    /// Attempts since it was queued or redriven last, this one included.
    pub attempts: i64,
    /// Attempts over all redrives.
    pub attempts_total: i64,
    /// The columns of the work's own.
    pub job: J,
    queued_at_ms: i64,
    context: HashMap<String, String>,
    lease_token: String,
}

impl<J> Claimed<J> {
    /// The colour of the request that caused it.
    #[must_use]
    pub fn colour(&self) -> Option<&str> {
        let colour = self.context.get(shoal_context::GRAY_VERSION.as_str());
        colour.map(String::as_str)
    }

    fn age_at(&self, now_ms: i64) -> Duration {
        let age = now_ms.saturating_sub(self.queued_at_ms);
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }
}

/// Why an attempt failed. `detail` is for administrators and holds neither
/// addresses nor content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub detail: String,
    /// Stable word for what no repetition helps against; `None` may pass.
    pub lasting: Option<&'static str>,
    /// The other side asked for this much time.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// One that may go away by itself.
    #[must_use]
    pub fn passing(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            lasting: None,
            retry_after: None,
        }
    }

    /// One that stays until somebody mends its cause.
    #[must_use]
    pub fn lasting(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            lasting: Some(reason),
            retry_after: None,
        }
    }
}

/// What follows an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// Try again after the wait.
    Retry {
        /// How long to wait.
        wait: Duration,
        /// Why.
        detail: String,
    },
    /// Given up.
    Dead {
        /// Stable word: that of the failure, `attempts_exhausted` or `expired`.
        reason: &'static str,
        /// Why.
        detail: String,
    },
}

impl Verdict {
    /// Decides after attempt number `attempt` (from 1), `age` after the work was
    /// queued. Pure.
    #[must_use]
    pub fn of(
        result: Result<(), Failure>,
        policy: &RetryPolicy,
        attempt: u32,
        age: Duration,
        chance: f64,
    ) -> Self {
        let Err(failure) = result else {
            return Self::Done;
        };
        let detail = failure.detail;
        if let Some(reason) = failure.lasting {
            return Self::Dead { reason, detail };
        }
        let dead = |reason, detail| Self::Dead { reason, detail };
        match policy.after_failure(attempt, age, chance, failure.retry_after) {
            Next::Retry(wait) => Self::Retry { wait, detail },
            Next::Exhausted => dead("attempts_exhausted", detail),
            Next::Expired => dead("expired", detail),
        }
    }

    /// Why it is not done; empty when it is.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Retry { detail, .. } | Self::Dead { detail, .. } => detail,
        }
    }
}

/// An attempt that is being recorded.
pub struct Settled<'a, W: Work + ?Sized> {
    /// The work.
    pub claimed: &'a Claimed<W::Job>,
    /// What becomes of it.
    pub verdict: &'a Verdict,
    /// What the attempt left; `None` when it was not made, as those before it
    /// never came to an end or its time was over.
    pub note: Option<&'a W::Note>,
    /// When the attempt began, Unix milliseconds.
    pub started_at_ms: i64,
    /// How long it took, milliseconds.
    pub latency_ms: i64,
}

/// Bounds of a worker.
#[derive(Clone, Copy, Debug)]
pub struct WorkerConfig {
    /// Name of its tasks.
    pub name: &'static str,
    /// Attempts under way at once, for each instance.
    pub concurrency: usize,
    /// Attempts under way at once to one receiver, over all instances; only for
    /// queues with lanes.
    pub per_lane: usize,
    /// How often the table is looked at when nothing wakes the worker.
    pub poll: Duration,
    /// After this a claim counts as abandoned. Must exceed the longest attempt.
    pub lease: Duration,
    /// When failed attempts are repeated.
    pub retry: RetryPolicy,
}

/// Runs a queue's work on a bounded number of tasks.
pub struct Worker<W> {
    queue: TableQueue,
    work: Arc<W>,
    config: WorkerConfig,
}

impl<W: Work> Worker<W> {
    /// Starts the worker; it ends with the scope. Work that a drain cuts off is
    /// tried again after its lease.
    pub fn start(queue: TableQueue, work: Arc<W>, config: WorkerConfig, scope: &Scope) {
        let bounds = PumpConfig {
            name: config.name,
            concurrency: config.concurrency,
            poll: config.poll,
        };
        metrics::begin_attempts(queue.store.service(), queue.table.queue);
        let waker = queue.waker.clone();
        let worker = Self {
            queue,
            work,
            config,
        };
        pump(scope, bounds, Arc::new(worker), waker);
    }

    async fn claim_due(&self, limit: usize) -> Result<Vec<Claimed<W::Job>>> {
        let (table, store) = (&self.queue.table, &self.queue.store);
        let now = store.clock().now_ms();
        if !table.any_due(&mut *store.read().await?, now).await? {
            return Ok(Vec::new());
        }
        let lease_token = shoal_store::id::new("lse");
        let lease = i64::try_from(self.config.lease.as_millis()).unwrap_or(i64::MAX);
        let claim = Claim {
            now,
            lease_token: &lease_token,
            lease_until: now.saturating_add(lease),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            per_lane: i64::try_from(self.config.per_lane).unwrap_or(i64::MAX),
            columns: W::COLUMNS,
        };
        let mut tx = store.begin().await?;
        let rows: Vec<Row<W::Job>> = table.claim(&mut tx, &claim).await?;
        tx.commit().await?;
        let claimed = |row: Row<W::Job>| Claimed {
            id: row.id,
            attempts: row.attempts,
            attempts_total: row.attempts_total,
            job: row.job,
            queued_at_ms: row.queued_at,
            context: serde_json::from_str(&row.context).unwrap_or_default(),
            lease_token: lease_token.clone(),
        };
        Ok(rows.into_iter().map(claimed).collect())
    }

    async fn attempt(&self, claimed: Claimed<W::Job>) -> Result<()> {
        let clock = self.queue.store.clock();
        let (started_at_ms, begun) = (clock.now_ms(), clock.monotonic());
        let (result, note) = match hopeless(&self.config.retry, &claimed, started_at_ms) {
            Some(failure) => (Err(failure), None),
            None => {
                let (result, note) = self.work.attempt(&claimed).await;
                (result, Some(note))
            }
        };
        let took = clock.monotonic().saturating_sub(begun);
        let verdict = Verdict::of(
            result,
            &self.config.retry,
            u32::try_from(claimed.attempts).unwrap_or(u32::MAX),
            claimed.age_at(clock.now_ms()),
            rand::random(),
        );
        let settled = Settled {
            claimed: &claimed,
            verdict: &verdict,
            note: note.as_ref(),
            started_at_ms,
            latency_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        };
        self.settle(&settled).await
    }

    async fn settle(&self, settled: &Settled<'_, W>) -> Result<()> {
        let TableQueue { table, store, .. } = &self.queue;
        let Settled {
            claimed, verdict, ..
        } = settled;
        let mut tx = store.begin().await?;
        let now = tx.now_ms();
        let (id, lease) = (claimed.id.as_str(), claimed.lease_token.as_str());
        if !table.settle(&mut tx, id, lease, verdict, now).await? {
            return Ok(());
        }
        self.work.settled(&mut tx, settled).await?;
        tx.commit().await?;
        metrics::attempted(store.service(), table.queue, verdict);
        if let Verdict::Dead { reason, detail } = verdict {
            let queue = table.queue;
            tracing::warn!(queue, id, reason, detail, "work was given up");
        }
        Ok(())
    }
}

impl<W: Work> Queue for Worker<W> {
    type Job = Claimed<W::Job>;

    async fn claim(&self, limit: usize) -> Result<Vec<Self::Job>> {
        quietly(self.claim_due(limit)).await
    }

    async fn run(&self, claimed: Self::Job) {
        let span = self.work.span(&claimed);
        // A span without a valid parent starts its own trace.
        let _ = span.set_parent(propagate::extract_map(&claimed.context));
        let context = Context::from_map(&claimed.context);
        let attempt = self.attempt(claimed).instrument(span);
        if let Err(error) = Box::pin(context.attach(attempt)).await {
            let queue = self.queue.table.queue;
            tracing::warn!(queue, error = %error.report(), "an attempt was not recorded");
        }
    }

    async fn tidy(&self) {
        if let Err(error) = quietly(self.work.tidy()).await {
            let queue = self.queue.table.queue;
            tracing::warn!(queue, error = %error.report(), "old rows not removed");
        }
    }
}

/// Why no attempt is made: each one before took its process down, or it would
/// begin too late.
fn hopeless<J>(retry: &RetryPolicy, claimed: &Claimed<J>, now_ms: i64) -> Option<Failure> {
    if claimed.attempts > i64::from(retry.max_attempts) {
        let detail = "abandoned: its attempts never came to an end";
        return Some(Failure::lasting("attempts_exhausted", detail));
    }
    let late = retry
        .max_age
        .is_some_and(|most| claimed.age_at(now_ms) > most);
    late.then(|| Failure::lasting("expired", "not attempted: its time was over"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn verdict(failure: Failure, attempt: u32, age_s: u64) -> Verdict {
        let policy = RetryPolicy {
            max_age: Some(Duration::from_secs(100)),
            ..RetryPolicy::new(3, Duration::from_secs(1), Duration::from_secs(10))
        };
        Verdict::of(
            Err(failure),
            &policy,
            attempt,
            Duration::from_secs(age_s),
            1.0,
        )
    }

    fn reason(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Dead { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_passing_failure_is_repeated_until_attempts_or_time_are_used_up() {
        let retry = |attempt| verdict(Failure::passing("down"), attempt, 0);
        for (attempt, seconds) in [(1, 1), (2, 2)] {
            let Verdict::Retry { wait, detail } = retry(attempt) else {
                panic!("attempt {attempt} should be followed by another");
            };
            assert_eq!(
                (wait, detail.as_str()),
                (Duration::from_secs(seconds), "down")
            );
        }
        assert_eq!(reason(retry(3)), "attempts_exhausted");
        assert_eq!(reason(verdict(Failure::passing("down"), 1, 100)), "expired");
    }

    #[test]
    fn a_lasting_failure_is_dead_at_once_and_keeps_its_reason() {
        assert_eq!(
            reason(verdict(Failure::lasting("rejected", "550"), 1, 0)),
            "rejected"
        );
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it() {
        let failure = Failure {
            retry_after: Some(Duration::from_secs(7)),
            ..Failure::passing("busy")
        };
        let Verdict::Retry { wait, .. } = verdict(failure, 1, 0) else {
            panic!("it should be tried again");
        };
        assert_eq!(wait, Duration::from_secs(7));
    }
}
