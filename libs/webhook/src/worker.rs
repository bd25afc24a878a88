//! The worker's side: what is done with a claimed delivery.

use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use shoal_error::Result;
use shoal_queue::{Claimed, Failure, Settled, Verdict, Work};
use shoal_store::Tx;
use shoal_telemetry::propagate;
use tracing::Span;

use crate::delivery::{Attempt, GONE, Outcome};
use crate::endpoint::EndpointState;
use crate::sender::Call;
use crate::store::{deliveries, endpoints};
use crate::webhooks::Inner;

/// Rows removed per look; keeps the housekeeping's transaction short.
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

/// What a call needs of a delivery.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Job {
    endpoint_id: String,
    event_id: String,
    event_type: String,
    payload: String,
}

impl Work for Inner {
    type Job = Job;
    /// What the receiver answered; `None` when it was not called.
    type Note = Option<Outcome>;
    const COLUMNS: &'static str = "endpoint_id, event_id, event_type, payload";

    fn span(&self, claimed: &Claimed<Job>) -> Span {
        tracing::info_span!(
            "webhook.deliver",
            otel.kind = "client",
            webhook.delivery_id = %claimed.id,
            webhook.event_type = %claimed.job.event_type,
            webhook.attempt = claimed.attempts,
            http.response.status_code = tracing::field::Empty,
            gray.version = claimed.colour(),
        )
    }

    async fn attempt(&self, claimed: &Claimed<Job>) -> (Result<(), Failure>, Option<Outcome>) {
        let outcome = match Box::pin(self.call(&claimed.job)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let failure = Failure::passing(format!("not called: {}", error.code()));
                return (Err(failure), None);
            }
        };
        if let Some(status) = outcome.status {
            Span::current().record("http.response.status_code", status);
        }
        (outcome.result(), Some(outcome))
    }

    async fn settled(&self, tx: &mut Tx, settled: &Settled<'_, Self>) -> Result<()> {
        let (claimed, verdict) = (settled.claimed, settled.verdict);
        let answer = settled.note.and_then(Option::as_ref);
        let detail = verdict.detail();
        let attempt = Attempt {
            number: claimed.attempts_total,
            started_at_ms: settled.started_at_ms,
            latency_ms: settled.latency_ms,
            status: answer.and_then(|outcome| outcome.status).map(i64::from),
            error: (!detail.is_empty()).then(|| detail.to_owned()),
            response_body: answer.and_then(|outcome| outcome.response_body.clone()),
        };
        deliveries::log_attempt(tx, &claimed.id, &attempt).await?;
        let (endpoint_id, called) = (&claimed.job.endpoint_id, answer.is_some());
        self.note_health(tx, endpoint_id, verdict, called).await
    }

    async fn tidy(&self) -> Result<()> {
        let keep = self.config.keep_delivered_ms;
        let before = self.clock.now_ms().saturating_sub_unsigned(keep);
        if !deliveries::any_prunable(&mut *self.store.read().await?, before).await? {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        deliveries::prune(&mut tx, before, PRUNE_BATCH).await?;
        tx.commit().await
    }
}

impl Inner {
    /// Calls the endpoint as it is now.
    async fn call(&self, job: &Job) -> Result<Outcome> {
        let now = self.clock.now_ms();
        let target = {
            let mut reader = self.store.read().await?;
            endpoints::target(&mut reader, &job.endpoint_id, now).await?
        };
        // Deleted meanwhile, and its deliveries with it.
        let target = target.ok_or_else(|| endpoints::not_found(&job.endpoint_id))?;
        let mut trace = HeaderMap::new();
        propagate::inject_http(&mut trace);
        let call = Call {
            url: &target.url,
            secrets: &target.secrets,
            event_id: &job.event_id,
            event_type: &job.event_type,
            body: &job.payload,
            unix_seconds: now.div_euclid(1_000),
            trace,
        };
        Ok(self.sender.call(call).await)
    }

    /// Keeps the endpoint's series of failures; ends the endpoint when it lasts
    /// too long or the receiver says that it is gone. An attempt that did not
    /// call it says nothing of it.
    async fn note_health(
        &self,
        tx: &mut Tx,
        endpoint_id: &str,
        verdict: &Verdict,
        called: bool,
    ) -> Result<()> {
        let now = tx.now_ms();
        if *verdict == Verdict::Done {
            return endpoints::succeeded(tx, endpoint_id, now).await;
        }
        let at = called.then_some(now);
        let Some(health) = endpoints::failed(tx, endpoint_id, at).await? else {
            return Ok(());
        };
        if health.state != EndpointState::Active.as_str() {
            // Switched off during the call: nothing may go on waiting for it.
            self.bury_waiting(tx, endpoint_id).await?;
            return Ok(());
        }
        let Some(since) = health.failing_since.filter(|_| called) else {
            return Ok(());
        };
        let lasts = now.saturating_sub(since);
        let too_long = lasts >= i64::try_from(self.config.disable_after_ms).unwrap_or(i64::MAX);
        let gone = matches!(verdict, Verdict::Dead { reason, .. } if *reason == GONE);
        if !(too_long || gone) || !endpoints::auto_disable(tx, endpoint_id, now).await? {
            return Ok(());
        }
        self.bury_waiting(tx, endpoint_id).await?;
        tracing::warn!(webhook.endpoint_id = endpoint_id, "endpoint switched off");
        let disabled = EndpointDisabled {
            endpoint_id: endpoint_id.to_owned(),
            owner: health.owner,
            failing_since_ms: since,
            disabled_at_ms: now,
        };
        match &self.on_disabled {
            Some(tell) => tell(tx, disabled).await,
            None => Ok(()),
        }
    }

    /// What waits for an endpoint that is no longer called becomes dead letters.
    pub(crate) async fn bury_waiting(&self, tx: &mut Tx, endpoint_id: &str) -> Result<()> {
        let of = ("endpoint_id", endpoint_id);
        let why = ("endpoint_disabled", "endpoint disabled");
        self.queue.give_up_in(tx, of, why.0, why.1).await?;
        Ok(())
    }
}
