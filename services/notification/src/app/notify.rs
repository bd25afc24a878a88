//! Recording a notification and queueing its deliveries, all in the caller's
//! transaction. The inbox is delivered right there; mail waits for the worker,
//! webhooks for theirs.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_store::{Conn, Tx};
use shoal_telemetry::propagate;
use shoal_webhook::WebhookEvent;

use super::App;
use crate::codes::NotificationCode;
use crate::domain::channel::{Category, Channel};
use crate::domain::locale::Locale;
use crate::domain::{announce, preference};
use crate::store::deliveries::{self, Delivery, NewDelivery};
use crate::store::notifications::{self, Notification};
use crate::store::templates::{self, Published};
use crate::store::{contacts, preferences};

/// Longest data of a notification, bytes.
pub(crate) const MAX_DATA: usize = 64 * 1_024;

/// What to tell whom.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) user_id: String,
    pub(crate) template: String,
    /// A JSON object.
    pub(crate) data: Value,
    /// Empty: every channel for which the template has a text.
    pub(crate) channels: Vec<Channel>,
    /// `None`: the user's own.
    pub(crate) locale: Option<Locale>,
    /// The same key is the same notification.
    pub(crate) key: String,
    pub(crate) webhook: Option<WebhookCopy>,
}

/// How a notification goes to webhooks.
#[derive(Debug, Clone)]
pub(crate) struct WebhookCopy {
    /// `None`: the notification's own.
    pub(crate) event_id: Option<String>,
    pub(crate) kind: String,
    pub(crate) occurred_at_ms: i64,
}

/// What was recorded.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) notification_id: String,
    /// The key had been used before; nothing new was queued.
    pub(crate) replayed: bool,
    /// Deliveries by mail and inbox.
    pub(crate) deliveries: usize,
    /// Webhook deliveries that were queued.
    pub(crate) webhooks: u64,
}

/// What was sent, with its deliveries.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) recorded: Recorded,
    pub(crate) deliveries: Vec<Delivery>,
}

impl App {
    /// Records a notification in a transaction of its own.
    pub(crate) async fn send(&self, notice: &Notice) -> Result<Sent> {
        check(notice)?;
        let store = &self.inner.store;
        store
            .transaction(|tx| {
                let (app, notice) = (self.clone(), notice.clone());
                Box::pin(async move { app.send_in(tx, &notice).await })
            })
            .await
    }

    async fn send_in(&self, tx: &mut Tx, notice: &Notice) -> Result<Sent> {
        let recorded = self.record(tx, notice).await?;
        if !recorded.replayed && recorded.deliveries == 0 && recorded.webhooks == 0 {
            // Rolls the notification back: a mistake leaves no trace.
            return Err(no_channel(notice));
        }
        let deliveries = deliveries::of_notification(tx, &recorded.notification_id).await?;
        Ok(Sent {
            recorded,
            deliveries,
        })
    }

    /// Records a notification in the caller's transaction.
    pub(crate) async fn record(&self, tx: &mut Tx, notice: &Notice) -> Result<Recorded> {
        let published = templates::published(tx, &notice.template).await?;
        let category = Category::parse(&published.category).unwrap_or(Category::News);
        let locale = self.locale_for(tx, notice).await?;
        let new = self.row(notice, category, &locale)?;
        if !notifications::insert(tx, &new).await? {
            return replay(tx, &new).await;
        }
        let allowed = allowed_channels(tx, notice, &published, category).await?;
        let mail = allowed.contains(&Channel::Email);
        if mail {
            self.queue_mail(tx, &new).await?;
        }
        let inbox = allowed.contains(&Channel::Inbox);
        if inbox {
            let content = self.inner.render(&published, &new, Channel::Inbox);
            self.inner.deliver_inbox_now(tx, &new, content).await?;
        }
        let webhooks = match &notice.webhook {
            Some(copy) if allowed.contains(&Channel::Webhook) => {
                self.queue_webhooks(tx, notice, copy, &new.id).await?
            }
            _ => 0,
        };
        if !mail {
            notifications::erase_if_done(tx, &new.id).await?;
        }
        Ok(Recorded {
            notification_id: new.id,
            replayed: false,
            deliveries: usize::from(mail) + usize::from(inbox),
            webhooks,
        })
    }

    async fn locale_for(&self, conn: &mut Conn, notice: &Notice) -> Result<Locale> {
        if let Some(locale) = &notice.locale {
            return Ok(locale.clone());
        }
        let own = contacts::locale(conn, &notice.user_id).await?;
        Ok(own
            .and_then(|tag| Locale::parse(&tag).ok())
            .unwrap_or_default())
    }

    fn row(&self, notice: &Notice, category: Category, locale: &Locale) -> Result<Notification> {
        let mut context: HashMap<String, String> = Context::current().to_map();
        propagate::inject_map(&mut context);
        Ok(Notification {
            id: shoal_store::id::new("ntf"),
            user_id: notice.user_id.clone(),
            template: notice.template.clone(),
            category: category.as_str().to_owned(),
            locale: locale.as_str().to_owned(),
            data: Some(notice.data.to_string()),
            dedupe_key: notice.key.clone(),
            fingerprint: fingerprint(notice),
            context: serde_json::to_string(&context).internal()?,
            created_at: self.now(),
        })
    }

    async fn queue_mail(&self, tx: &mut Tx, of: &Notification) -> Result<()> {
        let new = NewDelivery {
            id: &shoal_store::id::new("dlv"),
            notification_id: &of.id,
            user_id: &of.user_id,
            template: &of.template,
            channel: Channel::Email,
            now: of.created_at,
            delivered: None,
        };
        deliveries::insert(tx, &new).await?;
        self.inner.queue.wake_on_commit(tx);
        Ok(())
    }

    async fn queue_webhooks(
        &self,
        conn: &mut Conn,
        notice: &Notice,
        copy: &WebhookCopy,
        notification_id: &str,
    ) -> Result<u64> {
        let data = if copy.kind == announce::MESSAGE_TYPE {
            serde_json::json!({
                "notification_id": notification_id,
                "user_id": notice.user_id,
                "template": notice.template,
                "data": notice.data,
            })
        } else {
            notice.data.clone()
        };
        let event = WebhookEvent {
            id: copy
                .event_id
                .clone()
                .unwrap_or_else(|| notification_id.to_owned()),
            kind: copy.kind.clone(),
            occurred_at_ms: copy.occurred_at_ms,
            data,
        };
        self.inner
            .webhooks
            .enqueue(conn, &notice.user_id, &event)
            .await
    }
}

/// Channels that the notice asks for, the template has and the user allows.
async fn allowed_channels(
    conn: &mut Conn,
    notice: &Notice,
    published: &Published,
    category: Category,
) -> Result<Vec<Channel>> {
    let mut possible = Channel::ALL.to_vec();
    possible.retain(|channel| *channel == Channel::Webhook || published.speaks(*channel));
    let choices = preferences::of_user(conn, &notice.user_id).await?;
    possible.retain(|channel| {
        (notice.channels.is_empty() || notice.channels.contains(channel))
            && preference::allows(&choices, *channel, category)
    });
    Ok(possible)
}

/// The answer to a key that was used before: the first one, if the content is
/// the same.
async fn replay(conn: &mut Conn, new: &Notification) -> Result<Recorded> {
    let first = notifications::by_key(conn, &new.dedupe_key)
        .await?
        .ok_or_else(|| Error::internal("a conflicting notification vanished"))?;
    if first.fingerprint != new.fingerprint {
        return Err(Error::new(
            CommonCode::IdempotencyKeyReused,
            "The key was used for another notification.",
        ));
    }
    Ok(Recorded {
        notification_id: first.id,
        replayed: true,
        deliveries: 0,
        webhooks: 0,
    })
}

fn fingerprint(notice: &Notice) -> String {
    let mut channels = notice.channels.clone();
    channels.sort_unstable();
    let parts = serde_json::json!([
        notice.user_id,
        notice.template,
        notice.data,
        channels,
        notice.locale.as_ref().map(Locale::as_str),
    ]);
    hex::encode(Sha256::digest(parts.to_string()))
}

fn check(notice: &Notice) -> Result<()> {
    let mut faults = shoal_error::Violations::new();
    faults.require(
        "/user_id",
        notice.user_id.starts_with("usr_"),
        "must be a user id, `usr_…`",
    );
    faults.require("/data", notice.data.is_object(), "must be an object");
    faults.require(
        "/data",
        notice.data.to_string().len() <= MAX_DATA,
        "must have at most 64 KiB as JSON",
    );
    faults.finish()
}

fn no_channel(notice: &Notice) -> Error {
    Error::new(
        NotificationCode::NoChannel,
        format!(
            "Template {:?} reaches this user by none of the channels asked for.",
            notice.template
        ),
    )
}
