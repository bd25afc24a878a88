//! What follows from an attempt, in the transaction that records it.

use std::sync::Arc;

use shoal_error::Result;
use shoal_proto::events::notification::DeliveryDeadV1;
use shoal_store::{Tx, outbox};

use super::Inner;
use super::content::Content;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Failure, Verdict};
use crate::domain::template::Rendered;
use crate::metrics;
use crate::store::claim::{self, Claimed, LoggedAttempt, Settlement};
use crate::store::deliveries::{self, NewDelivery};
use crate::store::inbox::{self, NewItem};
use crate::store::notifications::{self, Notification};

/// Writes the verdict; erases content that is no longer needed, and announces a
/// delivery that was given up. False when the lease was lost.
pub(super) async fn settle(tx: &mut Tx, settlement: &Settlement<'_>) -> Result<bool> {
    if !claim::settle(tx, settlement).await? {
        return Ok(false);
    }
    let claimed = settlement.claimed;
    metrics::attempted(&claimed.channel, settlement.verdict);
    match settlement.verdict {
        Verdict::Delivered => notifications::erase_if_done(tx, &claimed.notification_id).await?,
        Verdict::Retry { .. } => {}
        Verdict::Dead { reason, .. } => {
            let id = &claimed.id;
            tracing::warn!(notification.delivery_id = id, reason, "delivery given up");
            outbox::publish(tx, &dead(claimed, reason, settlement.now)).await?;
        }
    }
    Ok(true)
}

fn dead(claimed: &Claimed, reason: &str, now: i64) -> DeliveryDeadV1 {
    DeliveryDeadV1 {
        delivery_id: claimed.id.clone(),
        notification_id: claimed.notification_id.clone(),
        user_id: claimed.user_id.clone(),
        channel: claimed.channel.clone(),
        template: claimed.template.clone(),
        attempts: u32::try_from(claimed.attempts).unwrap_or(u32::MAX),
        reason: reason.to_owned(),
        dead_at_ms: now,
    }
}

impl Inner {
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
                let attempt = LoggedAttempt {
                    delivery_id: &id,
                    number: 1,
                    started_at: of.created_at,
                    latency_ms: 0,
                    outcome: "delivered",
                    error: "",
                };
                claim::log(tx, &attempt).await?;
                metrics::attempted(Channel::Inbox.as_str(), &Verdict::Delivered);
                self.add_item(tx, of, &id, &content.rendered).await
            }
            Err(failure) => self.bury(tx, of, id, failure).await,
        }
    }

    async fn bury(&self, tx: &mut Tx, of: &Notification, id: String, why: Failure) -> Result<()> {
        let (Failure::Lasting { detail, .. } | Failure::Passing { detail }) = why;
        let claimed = Claimed {
            id,
            notification_id: of.id.clone(),
            user_id: of.user_id.clone(),
            template: of.template.clone(),
            channel: Channel::Inbox.as_str().to_owned(),
            attempts: 1,
            attempts_total: 1,
            created_at: of.created_at,
        };
        let settlement = Settlement {
            claimed: &claimed,
            lease_token: None,
            verdict: &Verdict::Dead {
                reason: "template",
                detail,
            },
            template_version: 0,
            started_at: of.created_at,
            latency_ms: 0,
            now: self.clock.now_ms(),
        };
        settle(tx, &settlement).await.map(|_| ())
    }
}
