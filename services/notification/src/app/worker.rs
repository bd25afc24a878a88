//! The worker: claims deliveries, attempts them, settles what came of it.

use std::collections::HashMap;

use shoal_context::Context;
use shoal_error::Result;
use shoal_store::quietly;
use shoal_task::Queue;
use shoal_telemetry::propagate;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Inner;
use super::content::{Attempted, Content, passing};
use super::settle::settle;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Failure, Verdict, judge};
use crate::mail::Outgoing;
use crate::store::claim::{self, Claimed, Settlement};
use crate::store::notifications::{self, Notification};
use crate::store::templates;

/// Rows removed per look; keeps the housekeeping's transaction short.
const PRUNE_BATCH: i64 = 200;
const DAY_MS: u64 = 86_400_000;

/// A claimed delivery and the token that proves it is ours.
pub(crate) struct Job {
    claimed: Claimed,
    lease_token: String,
}

/// When an attempt began, on both clocks.
struct Begun {
    wall_ms: i64,
    monotonic: std::time::Duration,
}

impl Queue for Inner {
    type Job = Job;

    async fn claim(&self, limit: usize) -> Result<Vec<Job>> {
        quietly(self.claim_due(limit)).await
    }

    async fn run(&self, job: Job) {
        if let Err(error) = Box::pin(self.deliver(job)).await {
            let code = error.code();
            tracing::warn!(
                error.code = code,
                "delivery not recorded: {}",
                error.report()
            );
        }
    }

    async fn tidy(&self) {
        if let Err(error) = quietly(self.prune()).await {
            tracing::warn!(
                error.code = error.code(),
                "old rows not removed: {}",
                error.report()
            );
        }
    }
}

impl Inner {
    async fn claim_due(&self, limit: usize) -> Result<Vec<Job>> {
        let now = self.clock.now_ms();
        if !claim::any_due(&mut *self.store.read().await?, now).await? {
            return Ok(Vec::new());
        }
        let lease_token = shoal_store::id::new("lse");
        let until = now.saturating_add_unsigned(self.config.deliveries.lease_ms);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut tx = self.store.begin().await?;
        let claimed = claim::claim(&mut tx, &lease_token, now, until, limit).await?;
        tx.commit().await?;
        let job = |claimed| Job {
            claimed,
            lease_token: lease_token.clone(),
        };
        Ok(claimed.into_iter().map(job).collect())
    }

    async fn prune(&self) -> Result<()> {
        let keep = u64::from(self.config.deliveries.keep_days) * DAY_MS;
        let before = self.clock.now_ms().saturating_sub_unsigned(keep);
        if notifications::any_older(&mut *self.store.read().await?, before).await? {
            let mut tx = self.store.begin().await?;
            notifications::prune(&mut tx, before, PRUNE_BATCH).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn deliver(&self, job: Job) -> Result<()> {
        let found = {
            let mut reader = self.store.read().await?;
            notifications::get(&mut reader, &job.claimed.notification_id).await?
        };
        let Some(notification) = found else {
            return Ok(());
        };
        let map: HashMap<String, String> =
            serde_json::from_str(&notification.context).unwrap_or_default();
        let span = tracing::info_span!(
            "notification.deliver",
            otel.kind = "consumer",
            notification.channel = %job.claimed.channel,
            notification.delivery_id = %job.claimed.id,
            notification.template = %job.claimed.template,
            notification.attempt = job.claimed.attempts,
            gray.version = map.get(shoal_context::GRAY_VERSION.as_str()),
        );
        let _ = span.set_parent(propagate::extract_map(&map));
        let attempt = self.attempt(&job, &notification).instrument(span);
        Box::pin(Context::from_map(&map).attach(attempt)).await
    }

    async fn attempt(&self, job: &Job, of: &Notification) -> Result<()> {
        let begun = Begun {
            wall_ms: self.clock.now_ms(),
            monotonic: self.clock.monotonic(),
        };
        if job.claimed.attempts > i64::from(self.config.deliveries.max_attempts) {
            return self
                .finish(job, of, &begun, Err(abandoned()), 0, None)
                .await;
        }
        if job.claimed.channel == Channel::Inbox.as_str() {
            return match self.content(of, Channel::Inbox).await {
                Ok(content) => {
                    let version = content.version;
                    self.finish(job, of, &begun, Ok(()), version, Some(content))
                        .await
                }
                Err(failure) => self.finish(job, of, &begun, Err(failure), 0, None).await,
            };
        }
        let (outcome, version) = self.attempt_mail(&job.claimed, of).await;
        self.finish(job, of, &begun, outcome, version, None).await
    }

    /// Settles an attempt. An item for the inbox is added in the same
    /// transaction, so it is there once and only if the delivery says so.
    async fn finish(
        &self,
        job: &Job,
        of: &Notification,
        begun: &Begun,
        outcome: Attempted<()>,
        version: i64,
        item: Option<Content>,
    ) -> Result<()> {
        let latency = self.clock.monotonic().saturating_sub(begun.monotonic);
        let verdict = self.judge(&job.claimed, outcome);
        let settlement = Settlement {
            claimed: &job.claimed,
            lease_token: Some(&job.lease_token),
            verdict: &verdict,
            template_version: version,
            started_at: begun.wall_ms,
            latency_ms: i64::try_from(latency.as_millis()).unwrap_or(i64::MAX),
            now: self.clock.now_ms(),
        };
        let mut tx = self.store.begin().await?;
        let ours = settle(&mut tx, &settlement).await?;
        if ours && let Some(content) = item {
            self.add_item(&mut tx, of, &job.claimed.id, &content.rendered)
                .await?;
        }
        tx.commit().await
    }

    fn judge(&self, claimed: &Claimed, outcome: Attempted<()>) -> Verdict {
        let attempt = u32::try_from(claimed.attempts).unwrap_or(u32::MAX);
        judge(
            outcome,
            &self.config.deliveries.retry(),
            attempt,
            rand::random(),
        )
    }

    async fn attempt_mail(&self, claimed: &Claimed, of: &Notification) -> (Attempted<()>, i64) {
        let content = match self.content(of, Channel::Email).await {
            Ok(content) => content,
            Err(failure) => return (Err(failure), 0),
        };
        let sent = async {
            let to = self.address(&claimed.user_id).await?;
            let mail = Outgoing {
                delivery_id: &claimed.id,
                created_at: claimed.created_at,
                to: &to,
                content: &content.rendered,
            };
            self.mailer.send(&mail).await
        };
        (sent.await, content.version)
    }

    /// The text that is published at this moment, rendered.
    async fn content(&self, of: &Notification, channel: Channel) -> Attempted<Content> {
        let published = async {
            let mut reader = self.store.read().await?;
            templates::published(&mut reader, &of.template).await
        };
        match published.await {
            Ok(published) => self.render(&published, of, channel),
            Err(error) => Err(passing(&error)),
        }
    }
}

/// A delivery whose every attempt took its process down is not tried again.
fn abandoned() -> Failure {
    Failure::Lasting {
        reason: "attempts_exhausted",
        detail: "its attempts never came to an end".into(),
    }
}
