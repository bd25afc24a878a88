//! Sending by hand or by program; most notifications start from events.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shoal_error::{Result, Violations};
use shoal_service::{IdempotencyKey, Identity, Json, OpenApiRouter, routes};
use utoipa::ToSchema;

use super::deliveries::DeliveryView;
use super::{ADMIN, NOTIFIER};
use crate::app::{App, Notice, Sent, WebhookCopy};
use crate::domain::announce::MESSAGE_TYPE;
use crate::domain::channel::Channel;
use crate::domain::locale::Locale;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send))
}

/// What to tell whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SendNotification {
    /// Who is told.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha", pattern = "^usr_")]
    user_id: String,
    /// A template with a published version.
    #[schema(example = "spring_offer")]
    template: String,
    /// The template's values, at most 64 KiB.
    #[serde(default = "empty")]
    #[schema(value_type = Object, example = json!({"name": "Ada"}))]
    data: Value,
    /// Channels to use; all that the template has, unless said. Preferences
    /// apply in either case.
    #[serde(default)]
    channels: Vec<Channel>,
    /// Language tag; the user's own unless said.
    #[schema(
        example = "de-AT",
        max_length = 12,
        pattern = "^[A-Za-z]{2,3}(-([A-Za-z]{2}|[0-9]{3}|[A-Za-z]{4})){0,2}$"
    )]
    locale: Option<String>,
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
struct SentNotification {
    /// `ntf_…`.
    #[schema(example = "ntf_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// One per channel, without webhooks.
    deliveries: Vec<DeliveryView>,
    /// The key had been used before; nothing new was queued.
    replayed: bool,
    /// Webhook deliveries that were queued.
    webhooks: u64,
}

impl From<Sent> for SentNotification {
    fn from(sent: Sent) -> Self {
        Self {
            id: sent.recorded.notification_id,
            deliveries: sent
                .deliveries
                .into_iter()
                .map(DeliveryView::from)
                .collect(),
            replayed: sent.recorded.replayed,
            webhooks: sent.recorded.webhooks,
        }
    }
}

/// Send a notification to a user.
///
/// It is queued durably before the answer; what becomes of it is told by its
/// deliveries.
#[utoipa::path(post, operation_id = "send_notification", path = "/notifications", tag = "notifications", params(IdempotencyKey),
    responses((status = 202, description = "Queued, or queued before under this key.",
        body = SentNotification)),
    extensions(("x-error-codes" = json!(["notification.template_not_found",
        "notification.no_channel", "common.idempotency_key_reused",
        "common.idempotency_key_missing", "common.idempotency_key_invalid"]))),
    security(("bearer" = [])))]
async fn send(
    State(app): State<App>,
    identity: Identity,
    key: IdempotencyKey,
    Json(body): Json<SendNotification>,
) -> Result<(StatusCode, Json<SentNotification>)> {
    identity.require_any_role(&[ADMIN, NOTIFIER])?;
    let mut faults = Violations::new();
    let locale = body
        .locale
        .as_deref()
        .and_then(|t| faults.check("/locale", Locale::parse(t)));
    faults.finish()?;
    let notice = Notice {
        user_id: body.user_id,
        template: body.template,
        data: body.data,
        channels: body.channels,
        locale,
        key: format!("http:{}:{}", identity.user_id(), key.as_str()),
        webhook: Some(WebhookCopy {
            event_id: None,
            kind: MESSAGE_TYPE.to_owned(),
            occurred_at_ms: app.now(),
        }),
    };
    let sent = app.send(&notice).await?;
    Ok((StatusCode::ACCEPTED, Json(sent.into())))
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}
