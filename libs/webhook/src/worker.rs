//! The worker's side: what is done with a claimed delivery.

use std::collections::HashMap;

use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use shoal_context::Context;
use shoal_error::Result;
use shoal_store::{Tx, quietly};
use shoal_task::Queue;
use shoal_telemetry::propagate;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::delivery::{Outcome, Verdict};
use crate::endpoint::EndpointState;
use crate::sender::Call;
use crate::store::claim::{self, ClaimRequest, Claimed};
use crate::store::{deliveries, endpoints};
use crate::webhooks::Inner;

/// Delivered rows removed per look; keeps the housekeeping's transaction short.
const PRUNE_BATCH: i64 = 200;

/// Tells the service that an endpoint was switched off after failing for too
/// long; runs in the transaction that does so.
pub type OnDisabled =
    Box<dyn for<'t> Fn(&'t mut Tx, EndpointDisabled) -> BoxFuture<'t, Result<()>> + Send + Sync>;

/// An endpoint that was switched off.
#[derive(Debug, Clone)]
pub struct EndpointDisabled {
    /// `whe_…`.
    pub endpoint_id: String,
    /// Who registered it.
    pub owner: String,
    /// Since when every attempt had failed, unix milliseconds.
    pub failing_since_ms: i64,
    /// Now, unix milliseconds.
    pub disabled_at_ms: i64,
}

/// A claimed delivery and the token that proves it is ours.
pub(crate) struct Job {
    claimed: Claimed,
    lease_token: String,
}

impl Queue for Inner {
    type Job = Job;

    async fn claim(&self, limit: usize) -> Result<Vec<Job>> {
        quietly(self.claim_due(limit)).await
    }

    async fn run(&self, job: Job) {
        let map: HashMap<String, String> =
            serde_json::from_str(&job.claimed.context).unwrap_or_default();
        let span = tracing::info_span!(
            "webhook.deliver",
            otel.kind = "client",
            webhook.delivery_id = %job.claimed.id,
            webhook.event_type = %job.claimed.event_type,
            webhook.attempt = job.claimed.attempts,
            http.response.status_code = tracing::field::Empty,
            gray.version = map.get(shoal_context::GRAY_VERSION.as_str()),
        );
        // A span without a valid parent starts its own trace.
        let _ = span.set_parent(propagate::extract_map(&map));
        let context = Context::from_map(&map);
        if let Err(error) = Box::pin(context.attach(self.deliver(job)).instrument(span)).await {
            tracing::warn!(
                error.code = error.code(),
                "delivery not recorded: {error:?}"
            );
        }
    }

    async fn tidy(&self) {
        let before = self
            .clock
            .now_ms()
            .saturating_sub_unsigned(self.config.keep_delivered_ms);
        let pruned = async {
            if !claim::any_prunable(&mut *self.store.read().await?, before).await? {
                return Ok(());
            }
            let mut tx = self.store.begin().await?;
            claim::prune(&mut tx, before, PRUNE_BATCH).await?;
            tx.commit().await
        };
        if let Err(error) = quietly(pruned).await {
            tracing::warn!(
                error.code = error.code(),
                "old deliveries not removed: {error:?}"
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
        let request = ClaimRequest {
            now,
            lease_token: &lease_token,
            lease_until: now.saturating_add_unsigned(self.config.lease_ms),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            per_endpoint: i64::try_from(self.config.per_endpoint_concurrency).unwrap_or(1),
        };
        let mut tx = self.store.begin().await?;
        let claimed = claim::claim(&mut tx, &request).await?;
        tx.commit().await?;
        Ok(claimed
            .into_iter()
            .map(|claimed| Job {
                claimed,
                lease_token: lease_token.clone(),
            })
            .collect())
    }

    async fn deliver(&self, job: Job) -> Result<()> {
        let started = self.clock.now_ms();
        let target = {
            let mut reader = self.store.read().await?;
            claim::target(&mut reader, &job.claimed.endpoint_id, started).await?
        };
        // Deleted meanwhile, and its deliveries with it.
        let Some(target) = target else { return Ok(()) };
        let begun = self.clock.monotonic();
        let mut outcome = if job.claimed.attempts > i64::from(self.config.max_attempts) {
            abandoned()
        } else {
            let mut trace = HeaderMap::new();
            propagate::inject_http(&mut trace);
            let call = Call {
                url: &target.url,
                secrets: &target.secrets,
                event_id: &job.claimed.event_id,
                event_type: &job.claimed.event_type,
                body: &job.claimed.payload,
                unix_seconds: started.div_euclid(1_000),
                trace,
            };
            self.sender.call(call).await
        };
        let latency = self.clock.monotonic().saturating_sub(begun);
        outcome.latency_ms = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
        self.settle(&job, &outcome, started).await
    }

    async fn settle(&self, job: &Job, outcome: &Outcome, started: i64) -> Result<()> {
        if let Some(status) = outcome.status {
            tracing::Span::current().record("http.response.status_code", status);
        }
        let attempt = u32::try_from(job.claimed.attempts).unwrap_or(u32::MAX);
        let verdict = outcome.verdict(&self.config.retry(), attempt, rand::random());
        let now = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        let ours = claim::settle(
            &mut tx,
            &job.claimed,
            &job.lease_token,
            outcome,
            verdict,
            started,
            now,
        )
        .await?;
        if ours {
            crate::metrics::attempted(self.store.service(), verdict);
            self.note_health(&mut tx, &job.claimed.endpoint_id, verdict, now)
                .await?;
        }
        tx.commit().await
    }

    /// Keeps the endpoint's series of failures; ends the endpoint when it lasts
    /// too long or the receiver says that it is gone.
    async fn note_health(
        &self,
        tx: &mut Tx,
        endpoint_id: &str,
        verdict: Verdict,
        now: i64,
    ) -> Result<()> {
        if verdict == Verdict::Delivered {
            return endpoints::succeeded(tx, endpoint_id, now).await;
        }
        let Some(health) = endpoints::failed(tx, endpoint_id, now).await? else {
            return Ok(());
        };
        if health.state != EndpointState::Active.as_str() {
            // Switched off during the call: nothing may go on waiting for it.
            deliveries::bury_waiting(tx, endpoint_id, now).await?;
            return Ok(());
        }
        let lasts = now.saturating_sub(health.failing_since);
        let too_long = lasts >= i64::try_from(self.config.disable_after_ms).unwrap_or(i64::MAX);
        if !(too_long || verdict == Verdict::Gone)
            || !endpoints::auto_disable(tx, endpoint_id, now).await?
        {
            return Ok(());
        }
        deliveries::bury_waiting(tx, endpoint_id, now).await?;
        tracing::warn!(webhook.endpoint_id = endpoint_id, "endpoint switched off");
        let disabled = EndpointDisabled {
            endpoint_id: endpoint_id.to_owned(),
            owner: health.owner,
            failing_since_ms: health.failing_since,
            disabled_at_ms: now,
        };
        match &self.on_disabled {
            Some(tell) => tell(tx, disabled).await,
            None => Ok(()),
        }
    }
}

/// A delivery whose every attempt took its process down is not tried again.
fn abandoned() -> Outcome {
    Outcome {
        status: None,
        error: Some("abandoned: its attempts never came to an end".into()),
        response_body: None,
        retry_after: None,
        latency_ms: 0,
    }
}
