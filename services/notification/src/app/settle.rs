//! What follows from an attempt, in the transaction that records it.

use std::sync::Arc;

use shoal_error::Result;
use shoal_proto::events::notification::DeliveryDeadV1;
use shoal_queue::{Failure, Settled, Verdict};
use shoal_store::{Tx, outbox};

use super::Inner;
use super::content::Content;
use crate::domain::channel::Channel;
use crate::domain::template::Rendered;
use crate::store::deliveries::{self, LoggedAttempt, NewDelivery};
use crate::store::inbox::{self, NewItem};
use crate::store::notifications::{self, Notification};

impl Inner {
    /// Keeps the attempt; adds the item that it made, erases content that is no
    /// longer needed, and announces a delivery that was given up. An item is so
    /// there once, and only if the delivery says so.
    pub(super) async fn record(&self, tx: &mut Tx, settled: &Settled<'_, Self>) -> Result<()> {
        let Settled {
            claimed, verdict, ..
        } = settled;
        let (id, job) = (claimed.id.as_str(), &claimed.job);
        let version = settled.note.map_or(0, |note| note.version);
        deliveries::rendered(tx, id, version).await?;
        let attempt = LoggedAttempt {
            delivery_id: id,
            number: claimed.attempts_total,
            started_at: settled.started_at_ms,
            latency_ms: settled.latency_ms,
            outcome: match verdict {
                Verdict::Done => "delivered",
                Verdict::Retry { .. } => "retry",
                Verdict::Dead { .. } => "dead",
            },
            error: verdict.detail(),
        };
        deliveries::log(tx, &attempt).await?;
        match verdict {
            Verdict::Done => {
                if let Some((of, content)) = settled.note.and_then(|note| note.item.as_ref()) {
                    self.add_item(tx, of, id, &content.rendered).await?;
                }
                notifications::erase_if_done(tx, &job.notification_id).await
            }
            Verdict::Retry { .. } => Ok(()),
            Verdict::Dead { reason, .. } => {
                let dead = DeliveryDeadV1 {
                    delivery_id: id.to_owned(),
                    notification_id: job.notification_id.clone(),
                    user_id: job.user_id.clone(),
                    channel: job.channel.clone(),
                    template: job.template.clone(),
                    attempts: u32::try_from(claimed.attempts).unwrap_or(u32::MAX),
                    reason: (*reason).to_owned(),
                    dead_at_ms: tx.now_ms(),
                };
                outbox::publish(tx, &dead).await?;
                Ok(())
            }
        }
    }

    /// Adds an item to the inbox and wakes its streams after the commit.
    pub(super) async fn add_item(
        &self,
        tx: &mut Tx,
        of: &Notification,
        delivery_id: &str,
        rendered: &Rendered,
    ) -> Result<()> {
        let item = NewItem {
            user_id: &of.user_id,
            delivery_id,
            category: &of.category,
            template: &of.template,
            title: &rendered.subject,
            body: &rendered.text,
            link: &rendered.link,
            now: self.clock.now_ms(),
        };
        let position = inbox::add(tx, &item).await?;
        let (streams, user_id) = (Arc::clone(&self.streams), of.user_id.clone());
        tx.on_commit(move || streams.reached(&user_id, position));
        Ok(())
    }

    /// The inbox's part of recording a notification: delivered at once, or dead
    /// at once when its text cannot be rendered.
    pub(super) async fn deliver_inbox_now(
        &self,
        tx: &mut Tx,
        of: &Notification,
        content: std::result::Result<Content, Failure>,
    ) -> Result<()> {
        let id = shoal_store::id::new("dlv");
        let delivered = content.as_ref().ok().map(|content| content.version);
        let new = NewDelivery {
            id: &id,
            notification_id: &of.id,
            user_id: &of.user_id,
            template: &of.template,
            channel: Channel::Inbox,
            now: of.created_at,
            delivered,
        };
        deliveries::insert(tx, &new).await?;
        match content {
            Ok(content) => {
                log_first(tx, &id, of, "delivered", "").await?;
                self.add_item(tx, of, &id, &content.rendered).await
            }
            Err(failure) => self.bury(tx, of, &id, &failure).await,
        }
    }

    async fn bury(&self, tx: &mut Tx, of: &Notification, id: &str, why: &Failure) -> Result<()> {
        let reason = why.lasting.unwrap_or("template");
        log_first(tx, id, of, "dead", &why.detail).await?;
        self.queue
            .give_up_in(tx, ("id", id), reason, &why.detail)
            .await?;
        tracing::warn!(
            notification.delivery_id = id,
            reason,
            "delivery given up at once"
        );
        let dead = DeliveryDeadV1 {
            delivery_id: id.to_owned(),
            notification_id: of.id.clone(),
            user_id: of.user_id.clone(),
            channel: Channel::Inbox.as_str().to_owned(),
            template: of.template.clone(),
            attempts: 1,
            reason: reason.to_owned(),
            dead_at_ms: of.created_at,
        };
        outbox::publish(tx, &dead).await?;
        Ok(())
    }
}

/// The one attempt of a delivery that is made, or given up, as it is recorded.
async fn log_first(
    tx: &mut Tx,
    id: &str,
    of: &Notification,
    outcome: &str,
    error: &str,
) -> Result<()> {
    let attempt = LoggedAttempt {
        delivery_id: id,
        number: 1,
        started_at: of.created_at,
        latency_ms: 0,
        outcome,
        error,
    };
    deliveries::log(tx, &attempt).await
}
