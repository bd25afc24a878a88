//! The worker: claims deliveries, makes them, settles what came of it.

use std::collections::HashMap;

use serde_json::Value;
use shoal_context::Context;
use shoal_error::{Error, Kind, Result};
use shoal_proto::auth::v1::GetUserRequest;
use shoal_proto::events::notification::DeliveryDeadV1;
use shoal_store::{Conn, Tx, outbox, quietly};
use shoal_task::Queue;
use shoal_telemetry::propagate;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{App, Inner};
use crate::domain::address::EmailAddress;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Failure, Verdict, judge};
use crate::domain::locale::Locale;
use crate::domain::template::Rendered;
use crate::mail::Outgoing;
use crate::store::claim::{self, Claimed, Settlement};
use crate::store::inbox::{self, NewItem};
use crate::store::notifications::{self, Notification};
use crate::store::{contacts, templates};

/// Rows removed per look; keeps the housekeeping's transaction short.
const PRUNE_BATCH: i64 = 200;
const DAY_MS: u64 = 86_400_000;

/// A claimed delivery and the token that proves it is ours.
pub(crate) struct Job {
    claimed: Claimed,
    lease_token: String,
}

/// What was rendered, and from which version.
struct Content {
    rendered: Rendered,
    version: i64,
}

/// What an attempt, or a part of it, came to.
type Attempted<T> = std::result::Result<T, Failure>;

impl Queue for Inner {
    type Job = Job;

    async fn claim(&self, limit: usize) -> Result<Vec<Job>> {
        quietly(self.claim_due(limit)).await
    }

    async fn run(&self, job: Job) {
        if let Err(error) = Box::pin(self.deliver(job)).await {
            tracing::warn!(
                error.code = error.code(),
                "delivery not recorded: {}",
                error.report()
            );
        }
    }

    async fn tidy(&self) {
        let keep = u64::from(self.config.deliveries.keep_days) * DAY_MS;
        let before = self.clock.now_ms().saturating_sub_unsigned(keep);
        let pruned = async {
            if notifications::any_older(&mut *self.store.read().await?, before).await? {
                let mut tx = self.store.begin().await?;
                notifications::prune(&mut tx, before, PRUNE_BATCH).await?;
                tx.commit().await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = quietly(pruned).await {
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
        );
        let _ = span.set_parent(propagate::extract_map(&map));
        let attempt = self.attempt(&job, &notification).instrument(span);
        Box::pin(Context::from_map(&map).attach(attempt)).await
    }

    async fn attempt(&self, job: &Job, notification: &Notification) -> Result<()> {
        let started_at = self.clock.now_ms();
        let begun = self.clock.monotonic();
        let exhausted = job.claimed.attempts > i64::from(self.config.deliveries.max_attempts);
        let (outcome, version) = if exhausted {
            (Err(abandoned()), 0)
        } else if job.claimed.channel == Channel::Inbox.as_str() {
            // Made in the transaction that settles it, so it happens once.
            let rendered = self.content(notification, Channel::Inbox).await;
            return self
                .settle_inbox(job, notification, rendered, started_at)
                .await;
        } else {
            self.attempt_mail(&job.claimed, notification).await
        };
        let latency = self.clock.monotonic().saturating_sub(begun);
        let attempt = u32::try_from(job.claimed.attempts).unwrap_or(u32::MAX);
        let verdict = judge(
            outcome,
            &self.config.deliveries.retry(),
            attempt,
            rand::random(),
        );
        let settlement = Settlement {
            claimed: &job.claimed,
            lease_token: Some(&job.lease_token),
            verdict: &verdict,
            template_version: version,
            started_at,
            latency_ms: i64::try_from(latency.as_millis()).unwrap_or(i64::MAX),
            now: self.clock.now_ms(),
        };
        let mut tx = self.store.begin().await?;
        settle(&mut tx, &settlement).await?;
        tx.commit().await
    }

    async fn attempt_mail(
        &self,
        claimed: &Claimed,
        notification: &Notification,
    ) -> (Attempted<()>, i64) {
        let content = match self.content(notification, Channel::Email).await {
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

    /// The published text of this moment, rendered.
    async fn content(&self, of: &Notification, channel: Channel) -> Attempted<Content> {
        let rendered = async {
            let mut reader = self.store.read().await?;
            self.render(&mut reader, of, channel).await
        };
        rendered.await.unwrap_or_else(|error| Err(passing(&error)))
    }

    /// The outer error is the database's, the inner one the template's.
    async fn render(
        &self,
        conn: &mut Conn,
        of: &Notification,
        channel: Channel,
    ) -> Result<Attempted<Content>> {
        let locale = Locale::parse(&of.locale).unwrap_or_default();
        let version = match templates::published(conn, &of.template, channel, &locale).await {
            Ok(version) => version,
            Err(error) if error.kind() == Kind::NotFound => return Ok(Err(template(&error))),
            Err(error) => return Err(error),
        };
        let data: Value = of
            .data
            .as_deref()
            .and_then(|data| serde_json::from_str(data).ok())
            .unwrap_or_default();
        Ok(match self.engine.render(&version.source(), &data) {
            Ok(rendered) => Ok(Content {
                rendered,
                version: version.version,
            }),
            Err(error) => Err(template(&error)),
        })
    }

    /// The user's address: from what events told, else from auth.
    async fn address(&self, user_id: &str) -> Attempted<EmailAddress> {
        let known = {
            let mut reader = self.store.read().await.map_err(|e| passing(&e))?;
            contacts::email(&mut reader, user_id)
                .await
                .map_err(|e| passing(&e))?
        };
        match known {
            Some(address) => Ok(address),
            None => self.ask_auth(user_id).await,
        }
    }

    async fn ask_auth(&self, user_id: &str) -> Attempted<EmailAddress> {
        let request = GetUserRequest {
            user_id: user_id.to_owned(),
        };
        let asked = shoal_rpc::call(self.auth.clone().get_user(request)).await;
        let user = match asked.map(|answer| answer.user) {
            Ok(Some(user)) if !user.email.is_empty() => user,
            Ok(_) => return Err(no_address()),
            Err(error) if error.kind() == Kind::NotFound => return Err(no_address()),
            Err(error) => return Err(passing(&error)),
        };
        let kept = async {
            let mut tx = self.store.begin().await?;
            let name = Some(user.display_name.as_str());
            contacts::learn(&mut tx, user_id, &user.email, name, user.updated_at_ms).await?;
            tx.commit().await
        };
        kept.await.map_err(|e| passing(&e))?;
        Ok(EmailAddress::new(user.email))
    }

    async fn settle_inbox(
        &self,
        job: &Job,
        notification: &Notification,
        content: Attempted<Content>,
        started_at: i64,
    ) -> Result<()> {
        let mut tx = self.store.begin().await?;
        self.put_into_inbox(
            &mut tx,
            notification,
            &job.claimed,
            Some(&job.lease_token),
            content,
            started_at,
        )
        .await?;
        tx.commit().await
    }

    /// Adds the item and settles the delivery, in one transaction.
    async fn put_into_inbox(
        &self,
        tx: &mut Tx,
        of: &Notification,
        claimed: &Claimed,
        lease_token: Option<&str>,
        content: Attempted<Content>,
        started_at: i64,
    ) -> Result<()> {
        let now = self.clock.now_ms();
        let version = content.as_ref().map_or(0, |content| content.version);
        let attempt = u32::try_from(claimed.attempts).unwrap_or(u32::MAX);
        let (outcome, rendered) = match content {
            Ok(content) => (Ok(()), Some(content.rendered)),
            Err(failure) => (Err(failure), None),
        };
        let verdict = judge(
            outcome,
            &self.config.deliveries.retry(),
            attempt,
            rand::random(),
        );
        let settlement = Settlement {
            claimed,
            lease_token,
            verdict: &verdict,
            template_version: version,
            started_at,
            latency_ms: 0,
            now,
        };
        if !settle(tx, &settlement).await? {
            return Ok(());
        }
        let Some(rendered) = rendered else {
            return Ok(());
        };
        let item = NewItem {
            user_id: &of.user_id,
            delivery_id: &claimed.id,
            category: &of.category,
            template: &of.template,
            title: &rendered.subject,
            body: &rendered.text,
            link: &rendered.link,
            now,
        };
        let position = inbox::add(tx, &item).await?;
        let (streams, user_id) = (std::sync::Arc::clone(&self.streams), of.user_id.clone());
        tx.on_commit(move || streams.reached(&user_id, position));
        Ok(())
    }
}

impl App {
    /// The inbox's part of recording a notification.
    pub(super) async fn deliver_inbox_now(
        &self,
        tx: &mut Tx,
        of: &Notification,
        delivery_id: &str,
    ) -> Result<()> {
        let content = self.inner.render(tx, of, Channel::Inbox).await?;
        let claimed = Claimed {
            id: delivery_id.to_owned(),
            notification_id: of.id.clone(),
            user_id: of.user_id.clone(),
            template: of.template.clone(),
            channel: Channel::Inbox.as_str().to_owned(),
            attempts: 1,
            attempts_total: 1,
            created_at: of.created_at,
        };
        self.inner
            .put_into_inbox(tx, of, &claimed, None, content, of.created_at)
            .await
    }
}

/// Writes the verdict; erases content that is no longer needed, and announces a
/// delivery that was given up. False when the lease was lost.
async fn settle(tx: &mut Tx, settlement: &Settlement<'_>) -> Result<bool> {
    if !claim::settle(tx, settlement).await? {
        return Ok(false);
    }
    let claimed = settlement.claimed;
    match settlement.verdict {
        Verdict::Delivered => {
            notifications::erase_if_done(tx, &claimed.notification_id).await?;
        }
        Verdict::Retry { .. } => {}
        Verdict::Dead { reason, .. } => {
            tracing::warn!(
                notification.delivery_id = claimed.id,
                reason,
                "delivery given up"
            );
            let dead = DeliveryDeadV1 {
                delivery_id: claimed.id.clone(),
                notification_id: claimed.notification_id.clone(),
                user_id: claimed.user_id.clone(),
                channel: claimed.channel.clone(),
                template: claimed.template.clone(),
                attempts: u32::try_from(claimed.attempts).unwrap_or(u32::MAX),
                reason: (*reason).to_owned(),
                dead_at_ms: settlement.now,
            };
            outbox::publish(tx, &dead).await?;
        }
    }
    Ok(true)
}

fn abandoned() -> Failure {
    Failure::Lasting {
        reason: "attempts_exhausted",
        detail: "its attempts never came to an end".into(),
    }
}

fn no_address() -> Failure {
    Failure::Lasting {
        reason: "no_address",
        detail: "auth knows no address of the user".into(),
    }
}

fn template(error: &Error) -> Failure {
    Failure::Lasting {
        reason: "template",
        detail: error.message().to_owned(),
    }
}

fn passing(error: &Error) -> Failure {
    Failure::Passing {
        detail: error.to_string(),
    }
}
