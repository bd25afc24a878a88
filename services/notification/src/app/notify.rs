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
use crate::store::{contacts, preferences, templates};

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
    pub(crate) deliveries: Vec<Delivery>,
    /// The key had been used before; nothing new was queued.
    pub(crate) replayed: bool,
    /// Webhook deliveries that were queued.
    pub(crate) webhooks: u64,
}

impl App {
    /// Records a notification in a transaction of its own.
    pub(crate) async fn send(&self, notice: &Notice) -> Result<Recorded> {
        check(notice)?;
        self.inner
            .store
            .transaction(|tx| {
                let (app, notice) = (self.clone(), notice.clone());
                Box::pin(async move {
                    let recorded = app.record(tx, &notice).await?;
                    if recorded.deliveries.is_empty()
                        && recorded.webhooks == 0
                        && !recorded.replayed
                    {
                        // Rolls the notification back: a mistake leaves no trace.
                        return Err(no_channel(&notice));
                    }
                    Ok(recorded)
                })
            })
            .await
    }

    /// Records a notification in the caller's transaction.
    pub(crate) async fn record(&self, tx: &mut Tx, notice: &Notice) -> Result<Recorded> {
        let head = templates::get(tx, &notice.template).await?;
        let category = Category::parse(&head.category).unwrap_or(Category::News);
        let locale = self.locale_for(tx, notice).await?;
        let new = self.row(notice, category, &locale)?;
        if !notifications::insert(tx, &new).await? {
            return replay(tx, &new).await;
        }
        let allowed = allowed_channels(tx, notice, category).await?;
        for channel in Channel::TEMPLATED {
            if allowed.contains(&channel) {
                self.queue(tx, &new, channel).await?;
            }
        }
        let webhooks = match &notice.webhook {
            Some(copy) if allowed.contains(&Channel::Webhook) => {
                self.queue_webhooks(tx, notice, copy, &new.id).await?
            }
            _ => 0,
        };
        notifications::erase_if_done(tx, &new.id).await?;
        Ok(Recorded {
            deliveries: deliveries::of_notification(tx, &new.id).await?,
            notification_id: new.id,
            replayed: false,
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

    /// Queues one delivery; the inbox's is made at once.
    async fn queue(&self, tx: &mut Tx, of: &Notification, channel: Channel) -> Result<()> {
        let id = shoal_store::id::new("dlv");
        let new = NewDelivery {
            id: &id,
            notification_id: &of.id,
            user_id: &of.user_id,
            template: &of.template,
            channel,
            now: of.created_at,
        };
        deliveries::insert(tx, &new).await?;
        match channel {
            Channel::Inbox => self.deliver_inbox_now(tx, of, &id).await,
            Channel::Email | Channel::Webhook => {
                self.wake_on_commit(tx);
                Ok(())
            }
        }
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
    category: Category,
) -> Result<Vec<Channel>> {
    let mut possible = templates::published_channels(conn, &notice.template).await?;
    possible.push(Channel::Webhook);
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
        deliveries: deliveries::of_notification(conn, &first.id).await?,
        notification_id: first.id,
        replayed: true,
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
