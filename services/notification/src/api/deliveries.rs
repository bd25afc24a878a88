//! Deliveries, for admins.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, Path, Query, routes};
use shoal_store::page::{Page, PageRequest};
use utoipa::{IntoParams, ToSchema};

use super::require_admin;
use crate::app::{App, DeliveryDetail, DeliveryFilter};
use crate::domain::channel::Channel;
use crate::domain::delivery::DeliveryState;
use crate::store::deliveries::{Attempt, Delivery};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(redrive_dead))
        .routes(routes!(get_one))
        .routes(routes!(redrive))
}

/// One notification on its way through one channel. Holds no address and no
/// content.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// `dlv_…`.
    #[schema(example = "dlv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// `ntf_…`.
    #[schema(example = "ntf_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    notification_id: String,
    /// Who is told.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    user_id: String,
    /// By which way.
    channel: Channel,
    /// Template that it is made from.
    #[schema(example = "order_confirmed")]
    template: String,
    /// Version that was rendered last; 0 before the first attempt.
    template_version: i64,
    /// Where it stands.
    state: DeliveryState,
    /// Attempts begun since it was queued or last redriven.
    attempts: i64,
    /// Why it is dead: `no_address`, `rejected`, `template` or
    /// `attempts_exhausted`.
    #[schema(required, example = "rejected")]
    reason: Option<String>,
    /// Why the last attempt failed.
    #[schema(required, example = "the mail server answered 550 5.1.1")]
    last_error: Option<String>,
    /// When it is tried next, Unix milliseconds.
    #[schema(required)]
    next_attempt_at_ms: Option<i64>,
    /// Unix milliseconds.
    created_at_ms: i64,
    /// When it became final, Unix milliseconds.
    #[schema(required)]
    finished_at_ms: Option<i64>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let (state, channel) = (delivery.state(), delivery.channel());
        let waits = matches!(state, DeliveryState::Queued | DeliveryState::Failed);
        let said = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: delivery.id,
            notification_id: delivery.notification_id,
            user_id: delivery.user_id,
            channel,
            template: delivery.template,
            template_version: delivery.template_version,
            state,
            attempts: delivery.attempts,
            reason: said(delivery.reason),
            last_error: said(delivery.last_error),
            next_attempt_at_ms: waits.then_some(delivery.next_attempt_at),
            created_at_ms: delivery.created_at,
            finished_at_ms: delivery.finished_at,
        }
    }
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptView {
    /// 1 for the first, counted over redrives too.
    number: i64,
    /// Unix milliseconds.
    started_at_ms: i64,
    /// Milliseconds.
    latency_ms: i64,
    /// `delivered`, `retry` or `dead`.
    #[schema(example = "retry")]
    outcome: String,
    /// Why it failed.
    #[schema(required, example = "the mail server could not be reached")]
    error: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at_ms: attempt.started_at,
            latency_ms: attempt.latency_ms,
            outcome: attempt.outcome,
            error: (!attempt.error.is_empty()).then_some(attempt.error),
        }
    }
}

/// A delivery with its attempts.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryDetailView {
    /// The delivery.
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Oldest first.
    attempt_log: Vec<AttemptView>,
}

impl From<DeliveryDetail> for DeliveryDetailView {
    fn from(detail: DeliveryDetail) -> Self {
        Self {
            delivery: detail.delivery.into(),
            attempt_log: detail.attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// Only this state; `dead` lists the dead letters.
    state: Option<DeliveryState>,
    /// Only this channel.
    channel: Option<Channel>,
    /// Only this user.
    user_id: Option<String>,
    /// Rows wanted, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// Deliveries, newest first. Needs the role `admin`.
#[utoipa::path(get, operation_id = "list_deliveries", path = "/deliveries", tag = "deliveries", params(DeliveryQuery),
    responses((status = 200, description = "A page.", body = Page<DeliveryView>)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    identity: Identity,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<DeliveryView>>> {
    require_admin(&identity)?;
    let request = PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    let filter = DeliveryFilter {
        state: query.state,
        channel: query.channel,
        user_id: query.user_id,
    };
    let page = app.deliveries(&filter, &request).await?;
    Ok(Json(page.map(DeliveryView::from)))
}

/// One delivery with its attempts. Needs the role `admin`.
#[utoipa::path(get, operation_id = "get_delivery", path = "/deliveries/{delivery_id}", tag = "deliveries",
    params(("delivery_id" = String, Path, description = "`dlv_…`.",
        example = "dlv_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetailView)),
    extensions(("x-error-codes" = json!(["notification.delivery_not_found"]))),
    security(("bearer" = [])))]
async fn get_one(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetailView>> {
    require_admin(&identity)?;
    Ok(Json(app.delivery(&id).await?.into()))
}

/// Queue a dead delivery again. Needs the role `admin`.
///
/// It is rendered anew with the version that is published then.
#[utoipa::path(post, operation_id = "redrive_delivery", path = "/deliveries/{delivery_id}/redrive", tag = "deliveries",
    params(("delivery_id" = String, Path, description = "`dlv_…`.",
        example = "dlv_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 202, description = "Queued.", body = DeliveryView)),
    extensions(("x-error-codes" =
        json!(["notification.delivery_not_found", "notification.delivery_not_dead"]))),
    security(("bearer" = [])))]
async fn redrive(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<DeliveryView>)> {
    require_admin(&identity)?;
    let delivery = app.redrive(&id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// Which dead deliveries.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct RedriveDead {
    /// Only this channel.
    channel: Option<Channel>,
    /// Only those that died for this reason.
    #[schema(example = "attempts_exhausted")]
    reason: Option<String>,
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
struct RedrivenDead {
    /// Deliveries that are queued again.
    #[schema(example = 17)]
    redriven: u64,
}

/// Queue dead deliveries again, oldest first, up to a thousand. Needs the role
/// `admin`.
#[utoipa::path(post, operation_id = "redrive_dead_deliveries", path = "/deliveries/redrive", tag = "deliveries",
    responses((status = 202, description = "Queued.", body = RedrivenDead)),
    security(("bearer" = [])))]
async fn redrive_dead(
    State(app): State<App>,
    identity: Identity,
    Json(body): Json<RedriveDead>,
) -> Result<(StatusCode, Json<RedrivenDead>)> {
    require_admin(&identity)?;
    let redriven = app
        .redrive_dead(body.channel, body.reason.as_deref())
        .await?;
    Ok((StatusCode::ACCEPTED, Json(RedrivenDead { redriven })))
}
