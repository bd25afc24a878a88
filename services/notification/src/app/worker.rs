//! What an attempt to deliver is: find the text and the address, hand the mail
//! over or write the item.

use shoal_error::Result;
use shoal_queue::{Claimed, Failure, Settled, Work};
use shoal_store::Tx;
use tracing::Span;

use super::Inner;
use super::content::{Attempted, Content, passing};
use crate::domain::channel::Channel;
use crate::mail::Outgoing;
use crate::store::notifications::{self, Notification};
use crate::store::templates;

/// Rows removed per look; keeps the housekeeping's transaction short.
const PRUNE_BATCH: i64 = 200;
const DAY_MS: u64 = 86_400_000;

/// What an attempt needs of a delivery.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Job {
    pub(super) notification_id: String,
    pub(super) user_id: String,
    pub(super) template: String,
    pub(super) channel: String,
    created_at: i64,
}

/// What an attempt leaves.
#[derive(Default)]
pub(crate) struct Note {
    /// Version of the template that it rendered; 0 for none.
    pub(super) version: i64,
    /// The inbox item that it makes.
    pub(super) item: Option<(Notification, Content)>,
}

impl Work for Inner {
    type Job = Job;
    type Note = Note;
    const COLUMNS: &'static str = "notification_id, user_id, template, channel, created_at";

    fn span(&self, claimed: &Claimed<Job>) -> Span {
        tracing::info_span!(
            "notification.deliver",
            otel.kind = "consumer",
            notification.channel = %claimed.job.channel,
            notification.delivery_id = %claimed.id,
            notification.template = %claimed.job.template,
            notification.attempt = claimed.attempts,
            gray.version = claimed.colour(),
        )
    }

    async fn attempt(&self, claimed: &Claimed<Job>) -> (Result<(), Failure>, Note) {
        let (job, mut note) = (&claimed.job, Note::default());
        let result = match self.notification(&job.notification_id).await {
            Err(failure) => Err(failure),
            Ok(of) if job.channel == Channel::Inbox.as_str() => {
                let content = self.content(&of, Channel::Inbox).await;
                content.map(|content| {
                    note.version = content.version;
                    note.item = Some((of, content));
                })
            }
            Ok(of) => Box::pin(self.mail(claimed, &of, &mut note)).await,
        };
        (result, note)
    }

    async fn settled(&self, tx: &mut Tx, settled: &Settled<'_, Self>) -> Result<()> {
        self.record(tx, settled).await
    }

    async fn tidy(&self) -> Result<()> {
        let keep = u64::from(self.config.deliveries.keep_days) * DAY_MS;
        let before = self.clock.now_ms().saturating_sub_unsigned(keep);
        if notifications::any_older(&mut *self.store.read().await?, before).await? {
            let mut tx = self.store.begin().await?;
            notifications::prune(&mut tx, before, PRUNE_BATCH).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

impl Inner {
    async fn notification(&self, id: &str) -> Attempted<Notification> {
        let found = async {
            let mut reader = self.store.read().await?;
            notifications::get(&mut reader, id).await
        };
        // A delivery goes with its notification, so this one is nobody's any more.
        let gone = || Failure::lasting("gone", "its notification is gone");
        found.await.map_err(|e| passing(&e))?.ok_or_else(gone)
    }

    async fn mail(
        &self,
        claimed: &Claimed<Job>,
        of: &Notification,
        note: &mut Note,
    ) -> Attempted<()> {
        let content = self.content(of, Channel::Email).await?;
        let sent = async {
            let to = self.address(&claimed.job.user_id).await?;
            let mail = Outgoing {
                delivery_id: &claimed.id,
                created_at: claimed.job.created_at,
                to: &to,
                content: &content.rendered,
            };
            self.mailer.send(&mail).await
        };
        note.version = content.version;
        sent.await
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
