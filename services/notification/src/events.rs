//! Events in and out.
//!
//! An event, its inbox row and the notification that follows from it are one
//! transaction, keyed by the event's id besides: however often the bus delivers
//! it, it is told once. Mail leaves later, from the queue.

use futures::future::BoxFuture;
use shoal_bus::{BusCode, Consumer, EventEnvelope, Handler};
use shoal_error::{Error, Result};
use shoal_proto::events::Event as _;
use shoal_proto::events::notification::WebhookEndpointDisabledV1;
use shoal_store::{Tx, outbox};
use shoal_webhook::{EndpointDisabled, OnDisabled};

use crate::app::{App, Notice, WebhookCopy};
use crate::domain::announce::{CONSUMED, announce};
use crate::store::contacts;

/// Name of the consumer group.
pub(crate) const GROUP: &str = "notification";

/// The consumer of other modules' events, and of our own about endpoints.
pub(crate) fn consumer(app: App) -> Consumer {
    Consumer::new(GROUP, CONSUMED.iter().copied(), Tell(app))
}

struct Tell(App);

impl Handler for Tell {
    fn handle<'a>(&'a self, tx: &'a mut Tx, event: &'a EventEnvelope) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.tell(tx, event))
    }
}

impl Tell {
    async fn tell(&self, tx: &mut Tx, event: &EventEnvelope) -> Result<()> {
        if event.kind == WebhookEndpointDisabledV1::TYPE {
            return self.tell_of_endpoint(tx, event).await;
        }
        let Some(said) = announce(&event.kind, &event.data) else {
            return Ok(());
        };
        // The parser's own words are left out: they quote the data, which may
        // hold an address or a token.
        let said = said.map_err(|_| {
            let message = format!("The data of {} is not a {}.", event.id, event.kind);
            Error::new(BusCode::UnreadableEvent, message)
        })?;
        if let Some(contact) = &said.contact {
            let name = contact.display_name.as_deref();
            let as_of = event.occurred_at;
            contacts::learn(tx, &said.user_id, &contact.email, name, as_of).await?;
        }
        let Some(template) = said.template else {
            return Ok(());
        };
        let webhook = said.to_webhooks.then(|| WebhookCopy {
            event_id: Some(event.id.clone()),
            kind: event.kind.clone(),
            occurred_at_ms: event.occurred_at,
        });
        let notice = notice(said.user_id, template, said.data, event, webhook);
        self.0.record(tx, &notice).await?;
        Ok(())
    }

    async fn tell_of_endpoint(&self, tx: &mut Tx, event: &EventEnvelope) -> Result<()> {
        let disabled: WebhookEndpointDisabledV1 = shoal_bus::decode(event)?;
        let owner = disabled.owner.clone();
        let notice = notice(
            owner,
            "webhook_endpoint_disabled",
            event.data.clone(),
            event,
            None,
        );
        self.0.record(tx, &notice).await?;
        Ok(())
    }
}

fn notice(
    user_id: String,
    template: &str,
    data: serde_json::Value,
    event: &EventEnvelope,
    webhook: Option<WebhookCopy>,
) -> Notice {
    Notice {
        user_id,
        template: template.to_owned(),
        data,
        channels: Vec::new(),
        locale: None,
        key: format!("event:{}", event.id),
        webhook,
    }
}

/// Announces endpoints that were switched off for failing too long.
pub(crate) fn endpoint_disabled() -> OnDisabled {
    Box::new(|tx: &mut Tx, disabled: EndpointDisabled| {
        Box::pin(async move {
            let event = WebhookEndpointDisabledV1 {
                endpoint_id: disabled.endpoint_id,
                owner: disabled.owner,
                failing_since_ms: disabled.failing_since_ms,
                disabled_at_ms: disabled.disabled_at_ms,
            };
            outbox::publish(tx, &event).await?;
            Ok(())
        })
    })
}
