//! The caller's inbox.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{Identity, Json, OpenApiRouter, Path, Query, routes};
use shoal_store::page::PageRequest;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::domain::channel::Category;
use crate::store::inbox::Item;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(unread_count))
        .routes(routes!(read_all))
        .routes(routes!(mark, remove))
}

/// One entry of an inbox.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InboxItem {
    /// `inb_…`.
    #[schema(example = "inb_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// Its id in the live stream; grows with time.
    #[schema(example = 42)]
    event_id: i64,
    /// What it is about.
    category: Category,
    /// Template that it was made from.
    #[schema(example = "order_confirmed")]
    template: String,
    /// One line.
    #[schema(example = "Order confirmed")]
    title: String,
    /// Plain text.
    #[schema(example = "Your order ord_01k9… over 49.90 EUR is paid and being prepared.")]
    body: String,
    /// Path in the API of what it is about.
    #[schema(required, example = "/order/v1/orders/ord_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    link: Option<String>,
    /// Unix milliseconds.
    created_at_ms: i64,
    /// Unix milliseconds; absent while it is unread.
    #[schema(required)]
    read_at_ms: Option<i64>,
}

impl From<Item> for InboxItem {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            event_id: item.position,
            category: Category::parse(&item.category).unwrap_or(Category::News),
            template: item.template,
            title: item.title,
            body: item.body,
            link: (!item.link.is_empty()).then_some(item.link),
            created_at_ms: item.created_at,
            read_at_ms: item.read_at,
        }
    }
}

/// Which part of the inbox.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct InboxQuery {
    /// Leave out what was read.
    #[serde(default)]
    unread_only: bool,
    /// Rows wanted, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// A page of the inbox.
#[derive(Debug, Serialize, ToSchema)]
struct InboxView {
    /// Newest first.
    items: Vec<InboxItem>,
    /// Pass as `cursor` to go on; `null` on the last page.
    #[schema(
        required,
        example = "AB5wcmRfMDFtODNzNWt6NXJzdjRrY3ZobmQ3dHhiZ2XG-euYn_g"
    )]
    next_cursor: Option<String>,
    /// Items not read, on all pages.
    #[schema(example = 3)]
    unread: i64,
    /// A stream opened with this as `last_event_id` goes on where this listing
    /// was made.
    #[schema(example = 42)]
    last_event_id: i64,
}

/// Your inbox, newest first.
#[utoipa::path(get, operation_id = "list_inbox", path = "/inbox", tag = "inbox", params(InboxQuery),
    responses((status = 200, description = "A page.", body = InboxView)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    identity: Identity,
    Query(query): Query<InboxQuery>,
) -> Result<Json<InboxView>> {
    let request = PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    let found = app
        .inbox(identity.user_id(), query.unread_only, &request)
        .await?;
    Ok(Json(InboxView {
        items: found.page.items.into_iter().map(InboxItem::from).collect(),
        next_cursor: found.page.next_cursor,
        unread: found.unread,
        last_event_id: found.last_position,
    }))
}

/// A count.
#[derive(Debug, Serialize, ToSchema)]
struct UnreadCount {
    /// Items not read.
    #[schema(example = 3)]
    unread: i64,
}

/// How many items you have not read.
#[utoipa::path(get, operation_id = "get_unread_count", path = "/inbox/unread-count", tag = "inbox",
    responses((status = 200, description = "The count.", body = UnreadCount)),
    security(("bearer" = [])))]
async fn unread_count(State(app): State<App>, identity: Identity) -> Result<Json<UnreadCount>> {
    let unread = app.unread(identity.user_id()).await?;
    Ok(Json(UnreadCount { unread }))
}

/// Up to where.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ReadAll {
    /// Leave alone what came after this `event_id`, so that nothing is marked
    /// that was not seen; without it everything is marked.
    #[schema(example = 42)]
    up_to_event_id: Option<i64>,
}

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
struct ReadAllDone {
    /// Items that are read now and were not before.
    #[schema(example = 3)]
    marked: u64,
}

/// Mark everything read.
#[utoipa::path(post, operation_id = "mark_inbox_read", path = "/inbox/read-all", tag = "inbox",
    responses((status = 200, description = "Marked.", body = ReadAllDone)),
    security(("bearer" = [])))]
async fn read_all(
    State(app): State<App>,
    identity: Identity,
    Json(body): Json<ReadAll>,
) -> Result<Json<ReadAllDone>> {
    let marked = app
        .mark_all(identity.user_id(), body.up_to_event_id)
        .await?;
    Ok(Json(ReadAllDone { marked }))
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// Read, or unread again.
    #[schema(example = true)]
    read: bool,
}

/// Mark an item read or unread.
#[utoipa::path(patch, operation_id = "mark_inbox_item", path = "/inbox/{item_id}", tag = "inbox",
    params(("item_id" = String, Path, description = "`inb_…`.",
        example = "inb_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The item as it is now.", body = InboxItem)),
    extensions(("x-error-codes" = json!(["notification.inbox_item_not_found"]))),
    security(("bearer" = [])))]
async fn mark(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<Mark>,
) -> Result<Json<InboxItem>> {
    let item = app.mark(identity.user_id(), &id, body.read).await?;
    Ok(Json(item.into()))
}

/// Delete an item for good.
#[utoipa::path(delete, operation_id = "remove_inbox_item", path = "/inbox/{item_id}", tag = "inbox",
    params(("item_id" = String, Path, description = "`inb_…`.",
        example = "inb_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-error-codes" = json!(["notification.inbox_item_not_found"]))),
    security(("bearer" = [])))]
async fn remove(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    app.delete_item(identity.user_id(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
