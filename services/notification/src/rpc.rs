//! gRPC: the same operations, for other modules. Guarded by the mesh secret, so
//! there is no user to be checked here.

use serde_json::Value;
use shoal_error::{Error, Result, Violations};
use shoal_proto::notification::v1 as proto;
use shoal_proto::notification::v1::notification_service_server::NotificationService;
use shoal_store::page::PageRequest;
use tonic::{Request, Response, Status};

use crate::app::{App, DeliveryFilter, Notice, WebhookCopy};
use crate::domain::announce::MESSAGE_TYPE;
use crate::domain::channel::Channel;
use crate::domain::delivery::DeliveryState;
use crate::domain::locale::Locale;
use crate::store::deliveries::{Attempt, Delivery};
use crate::store::inbox::Item;

/// Longest idempotency key, characters.
const MAX_KEY: usize = 200;

/// The service over gRPC.
pub(crate) struct NotificationRpc(pub(crate) App);

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl NotificationService for NotificationRpc {
    async fn send(&self, request: Request<proto::SendRequest>) -> Answer<proto::SendResponse> {
        let notice = notice(request.into_inner(), self.0.now())?;
        let sent = self.0.send(&notice).await?;
        Ok(Response::new(proto::SendResponse {
            notification_id: sent.recorded.notification_id,
            deliveries: sent.deliveries.into_iter().map(delivery).collect(),
            replayed: sent.recorded.replayed,
        }))
    }

    async fn get_delivery(
        &self,
        request: Request<proto::GetDeliveryRequest>,
    ) -> Answer<proto::Delivery> {
        let found = self.0.delivery(&request.into_inner().id).await?;
        let mut answer = delivery(found.delivery);
        answer.attempt_log = found.attempts.into_iter().map(attempt).collect();
        Ok(Response::new(answer))
    }

    async fn list_deliveries(
        &self,
        request: Request<proto::ListDeliveriesRequest>,
    ) -> Answer<proto::ListDeliveriesResponse> {
        let request = request.into_inner();
        let filter = DeliveryFilter {
            state: state_of(request.state()),
            channel: channel_of(request.channel()),
            user_id: said(request.user_id),
        };
        let page = self
            .0
            .deliveries(&filter, &page(request.page_size, request.cursor))
            .await?;
        Ok(Response::new(proto::ListDeliveriesResponse {
            deliveries: page.items.into_iter().map(delivery).collect(),
            next_cursor: page.next_cursor.unwrap_or_default(),
        }))
    }

    async fn redrive_delivery(
        &self,
        request: Request<proto::RedriveDeliveryRequest>,
    ) -> Answer<proto::Delivery> {
        let back = self.0.redrive(&request.into_inner().id).await?;
        Ok(Response::new(delivery(back)))
    }

    async fn list_inbox(
        &self,
        request: Request<proto::ListInboxRequest>,
    ) -> Answer<proto::ListInboxResponse> {
        let request = request.into_inner();
        let user_id = required("user_id", request.user_id)?;
        let page = page(request.page_size, request.cursor);
        let found = self
            .0
            .inbox(&user_id, request.unread_only, &page)
            .await?
            .page;
        Ok(Response::new(proto::ListInboxResponse {
            items: found.items.into_iter().map(item).collect(),
            next_cursor: found.next_cursor.unwrap_or_default(),
        }))
    }

    async fn get_unread_count(
        &self,
        request: Request<proto::GetUnreadCountRequest>,
    ) -> Answer<proto::GetUnreadCountResponse> {
        let user_id = required("user_id", request.into_inner().user_id)?;
        let unread = self.0.unread(&user_id).await?;
        Ok(Response::new(proto::GetUnreadCountResponse { unread }))
    }

    async fn render_template(
        &self,
        request: Request<proto::RenderTemplateRequest>,
    ) -> Answer<proto::RenderTemplateResponse> {
        let request = request.into_inner();
        let channel = channel_of(request.channel())
            .ok_or_else(|| Error::invalid_field("channel", "must be said"))?;
        let locale = locale(&request.locale)?.unwrap_or_default();
        let data = said(request.data_json)
            .map(|text| object("data_json", &text))
            .transpose()?;
        let (rendered, version) = self
            .0
            .preview_published(&request.template, channel, &locale, data)
            .await?;
        Ok(Response::new(proto::RenderTemplateResponse {
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            version: count(version.version),
            locale: version.locale,
        }))
    }
}

fn notice(request: proto::SendRequest, now: i64) -> Result<Notice> {
    let channels = request.channels().filter_map(channel_of).collect();
    let mut faults = Violations::new();
    let key = &request.idempotency_key;
    faults.require(
        "idempotency_key",
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()),
        "must be 1 to 200 visible ASCII characters",
    );
    faults.finish()?;
    Ok(Notice {
        data: object("data_json", &request.data_json)?,
        locale: locale(&request.locale)?,
        key: format!("rpc:{key}"),
        user_id: request.user_id,
        template: request.template,
        channels,
        webhook: Some(WebhookCopy {
            event_id: None,
            kind: MESSAGE_TYPE.to_owned(),
            occurred_at_ms: now,
        }),
    })
}

fn object(field: &str, text: &str) -> Result<Value> {
    let text = if text.is_empty() { "{}" } else { text };
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
        Ok(_) => Err(Error::invalid_field(field, "must be a JSON object")),
        Err(_) => Err(Error::invalid_field(field, "must be JSON")),
    }
}

fn locale(tag: &str) -> Result<Option<Locale>> {
    if tag.is_empty() {
        return Ok(None);
    }
    let parsed = Locale::parse(tag).map_err(|bad| Error::invalid_field("locale", bad.to_string()));
    parsed.map(Some)
}

fn page(page_size: u32, cursor: String) -> PageRequest {
    PageRequest {
        limit: (page_size != 0).then_some(page_size),
        cursor: said(cursor),
    }
}

fn required(field: &str, text: String) -> Result<String> {
    said(text).ok_or_else(|| Error::invalid_field(field, "must be said"))
}

fn said(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn channel_of(channel: proto::Channel) -> Option<Channel> {
    match channel {
        proto::Channel::Unspecified => None,
        proto::Channel::Email => Some(Channel::Email),
        proto::Channel::Inbox => Some(Channel::Inbox),
        proto::Channel::Webhook => Some(Channel::Webhook),
    }
}

fn channel_to(channel: Channel) -> proto::Channel {
    match channel {
        Channel::Email => proto::Channel::Email,
        Channel::Inbox => proto::Channel::Inbox,
        Channel::Webhook => proto::Channel::Webhook,
    }
}

fn state_of(state: proto::DeliveryState) -> Option<DeliveryState> {
    match state {
        proto::DeliveryState::Unspecified => None,
        proto::DeliveryState::Queued => Some(DeliveryState::Queued),
        proto::DeliveryState::Sending => Some(DeliveryState::Sending),
        proto::DeliveryState::Delivered => Some(DeliveryState::Delivered),
        proto::DeliveryState::Failed => Some(DeliveryState::Failed),
        proto::DeliveryState::Dead => Some(DeliveryState::Dead),
    }
}

fn state_to(state: DeliveryState) -> proto::DeliveryState {
    match state {
        DeliveryState::Queued => proto::DeliveryState::Queued,
        DeliveryState::Sending => proto::DeliveryState::Sending,
        DeliveryState::Delivered => proto::DeliveryState::Delivered,
        DeliveryState::Failed => proto::DeliveryState::Failed,
        DeliveryState::Dead => proto::DeliveryState::Dead,
    }
}

fn delivery(row: Delivery) -> proto::Delivery {
    let (state, channel) = (row.state(), row.channel());
    let waits = matches!(state, DeliveryState::Queued | DeliveryState::Failed);
    let delivered = row
        .finished_at
        .filter(|_| state == DeliveryState::Delivered);
    proto::Delivery {
        id: row.id,
        notification_id: row.notification_id,
        user_id: row.user_id,
        channel: channel_to(channel).into(),
        template: row.template,
        state: state_to(state).into(),
        attempts: count(row.attempts),
        template_version: count(row.template_version),
        last_error: row.last_error,
        next_attempt_at_ms: if waits { row.next_attempt_at } else { 0 },
        created_at_ms: row.created_at,
        delivered_at_ms: delivered.unwrap_or(0),
        attempt_log: Vec::new(),
    }
}

fn attempt(row: Attempt) -> proto::DeliveryAttempt {
    proto::DeliveryAttempt {
        number: count(row.number),
        started_at_ms: row.started_at,
        latency_ms: row.latency_ms,
        outcome: row.outcome,
        error: row.error,
    }
}

fn item(row: Item) -> proto::InboxItem {
    proto::InboxItem {
        id: row.id,
        sequence: row.position,
        category: row.category,
        template: row.template,
        title: row.title,
        body: row.body,
        link: row.link,
        created_at_ms: row.created_at,
        read_at_ms: row.read_at.unwrap_or(0),
    }
}

/// Rows count in BIGINT and never go below zero.
fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
