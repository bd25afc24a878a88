//! The inbox, live, as server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::Event;
use futures::stream::{self, Stream};
use serde::Deserialize;
use shoal_error::{Error, Result};
use shoal_service::{Identity, OpenApiRouter, Query, routes};
use utoipa::IntoParams;

use super::inbox::InboxItem;
use crate::app::{App, Batch, Follower};
use crate::codes::NotificationCode;

/// Set by an EventSource that reconnects.
const LAST_EVENT_ID: &str = "last-event-id";
/// How long a client waits before it reconnects, milliseconds.
const RETRY_MS: u64 = 1_000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// Send what came after this id first; the `Last-Event-ID` header wins.
    /// Without either the stream begins with what comes next.
    last_event_id: Option<i64>,
}

/// Follow your inbox live.
///
/// Server-sent events: `event: notification`, `id` is the item's `event_id`,
/// `data` the item as JSON. A client that reconnects with the last `id` as
/// `Last-Event-ID` misses and repeats nothing. A comment is sent in silence.
/// The stream ends when the access token does, and when the service shuts down.
#[utoipa::path(get, operation_id = "follow_inbox", path = "/inbox/stream", tag = "inbox",
    params(StreamQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "`id` of the last event received.")),
    responses((status = 200, description = "A stream of items.", body = InboxItem,
        content_type = "text/event-stream")),
    extensions(("x-error-codes" =
        json!(["notification.too_many_streams", "notification.invalid_event_id"]))),
    security(("bearer" = [])))]
async fn follow(
    State(app): State<App>,
    identity: Identity,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let after = match headers.get(LAST_EVENT_ID) {
        Some(value) => Some(parse(value.to_str().ok())?),
        None => query.last_event_id,
    };
    let ends_at_ms = identity.claims().exp.saturating_mul(1_000);
    let follower = app.follow(identity.user_id(), after, ends_at_ms).await?;
    Ok(Sse::new(events(follower)))
}

fn parse(text: Option<&str>) -> Result<i64> {
    text.and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| {
            Error::new(
                NotificationCode::InvalidEventId,
                "Last-Event-ID is not a number.",
            )
            .with_field(
                "Last-Event-ID",
                "must be the `id` of an event of this stream",
            )
        })
}

/// A failure ends the stream; the client reconnects where it was.
fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    let hello = Event::default()
        .retry(std::time::Duration::from_millis(RETRY_MS))
        .comment("ok");
    let following = stream::unfold(follower, |mut follower| async move {
        let batch = match follower.next().await {
            Ok(Batch::Items(items)) => items.into_iter().map(event).collect(),
            Ok(Batch::Quiet) => vec![Event::default().comment("")],
            Ok(Batch::End) => return None,
            Err(error) => {
                tracing::warn!(
                    error.code = error.code(),
                    "a stream ends: {}",
                    error.report()
                );
                return None;
            }
        };
        Some((stream::iter(batch), follower))
    });
    use futures::StreamExt as _;
    stream::iter([hello]).chain(following.flatten()).map(Ok)
}

fn event(item: crate::store::inbox::Item) -> Event {
    let id = item.position.to_string();
    let view = InboxItem::from(item);
    // The view holds only text and numbers, so this cannot fail.
    let data = serde_json::to_string(&view).unwrap_or_default();
    Event::default().event("notification").id(id).data(data)
}
