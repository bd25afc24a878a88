//! `/admin/queues` and `/admin/dead-letters`: how work stands, and what is to be
//! done with that which failed for good. The same on every service.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result};
use shoal_queue::{Acted, Action, ActionRecord, DeadLetter, Order, QueueReport, Queues, Selection};
use shoal_store::{Page, PageRequest};

use super::ROLE;
use crate::{IdempotencyKey, Identity, Json, Path, Query};

/// Letters that one order moves at most, and unless it says.
const MOST: i64 = 1_000;

/// Characters of an order's reason at most.
const LONGEST_WHY: usize = 500;

/// The routes; for administrators alone: letters tell of users, and what is done
/// with them cannot be undone.
pub(super) fn router(queues: Queues) -> Router {
    Router::new()
        .route("/admin/queues", get(report))
        .route("/admin/dead-letters", get(list))
        .route("/admin/dead-letters/{queue}/{id}", get(inspect))
        .route("/admin/dead-letters/actions", get(actions))
        .route("/admin/dead-letters/redrive", post(redrive))
        .route("/admin/dead-letters/discard", post(discard))
        .with_state(queues)
}

#[derive(Serialize)]
struct Report {
    queues: Vec<QueueReport>,
}

async fn report(identity: Identity, State(queues): State<Queues>) -> Result<Json<Report>> {
    identity.require_role(ROLE)?;
    let queues = queues.report().await?;
    Ok(Json(Report { queues }))
}

/// Which letters to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    queue: Option<String>,
    kind: Option<String>,
    reason: Option<String>,
    died_from_ms: Option<i64>,
    died_until_ms: Option<i64>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list(
    identity: Identity,
    State(queues): State<Queues>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<DeadLetter>>> {
    identity.require_role(ROLE)?;
    let request = PageRequest {
        limit: wanted.limit,
        cursor: wanted.cursor,
    };
    let selection = Selection {
        kind: wanted.kind.unwrap_or_default(),
        reason: wanted.reason.unwrap_or_default(),
        died_from_ms: wanted.died_from_ms.unwrap_or(0),
        died_until_ms: wanted.died_until_ms.unwrap_or(i64::MAX),
        ..Selection::default()
    };
    let queue = wanted.queue.as_deref();
    Ok(Json(queues.list(queue, &selection, &request).await?))
}

#[derive(Deserialize)]
struct Name {
    queue: String,
    id: String,
}

async fn inspect(
    identity: Identity,
    State(queues): State<Queues>,
    Path(name): Path<Name>,
) -> Result<Json<DeadLetter>> {
    identity.require_role(ROLE)?;
    Ok(Json(queues.inspect(&name.queue, &name.id).await?))
}

async fn actions(
    identity: Identity,
    State(queues): State<Queues>,
    Query(request): Query<PageRequest>,
) -> Result<Json<Page<ActionRecord>>> {
    identity.require_role(ROLE)?;
    Ok(Json(queues.actions(&request).await?))
}

/// Which letters to move, and why. All of them, oldest first, as far as nothing
/// narrows them down.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    queue: Option<String>,
    ids: Option<Vec<String>>,
    kind: String,
    reason: String,
    died_from_ms: i64,
    died_until_ms: Option<i64>,
    limit: Option<i64>,
    why: String,
}

async fn redrive(
    identity: Identity,
    State(queues): State<Queues>,
    key: Option<IdempotencyKey>,
    Json(wish): Json<Wish>,
) -> Result<Json<Acted>> {
    act(&queues, Action::Redrive, &identity, key, wish).await
}

/// Unlike a redrive it wants a queue and a reason, as nothing brings letters
/// back.
async fn discard(
    identity: Identity,
    State(queues): State<Queues>,
    key: Option<IdempotencyKey>,
    Json(wish): Json<Wish>,
) -> Result<Json<Acted>> {
    identity.require_role(ROLE)?;
    if wish.queue.is_none() {
        return Err(wrong("/queue", "must be named"));
    }
    if wish.why.trim().is_empty() {
        return Err(wrong("/why", "must say why they are given up"));
    }
    act(&queues, Action::Discard, &identity, key, wish).await
}

async fn act(
    queues: &Queues,
    action: Action,
    identity: &Identity,
    key: Option<IdempotencyKey>,
    wish: Wish,
) -> Result<Json<Acted>> {
    identity.require_role(ROLE)?;
    let limit = wish.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(wrong("/limit", "must be between 1 and 1000"));
    }
    if wish.why.chars().count() > LONGEST_WHY {
        return Err(wrong("/why", "must not be longer than 500 characters"));
    }
    let ids = match wish.ids {
        None => Vec::new(),
        // An empty list would mean all.
        Some(ids) if (1..=MOST as usize).contains(&ids.len()) => ids,
        Some(_) => return Err(wrong("/ids", "must be 1 to 1000 ids")),
    };
    let order = Order {
        action,
        by: identity.user_id().to_owned(),
        reason: wish.why.trim().to_owned(),
        queue: wish.queue,
        selection: Selection {
            ids,
            kind: wish.kind,
            reason: wish.reason,
            died_from_ms: wish.died_from_ms,
            died_until_ms: wish.died_until_ms.unwrap_or(i64::MAX),
            ..Selection::oldest(limit)
        },
        key: key.map(|key| key.as_str().to_owned()),
    };
    Ok(Json(queues.act(order).await?))
}

fn wrong(field: &str, problem: &str) -> Error {
    let text = format!("{field} {problem}.");
    Error::new(CommonCode::InvalidField, text).with_field(field, problem)
}
