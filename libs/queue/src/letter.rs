//! What has failed for good, as people see it.

use std::collections::HashMap;

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use shoal_context::Metadata;
use shoal_error::Result;

/// Work that was given up, whichever queue it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Queue of the service: `webhooks`, `notifications`, `events`, `sagas`.
    pub queue: String,
    /// Id within the queue.
    pub id: String,
    /// What it is: an event's type, a template, the name of a saga.
    pub kind: String,
    /// Stable word why it was given up.
    pub reason: String,
    /// Attempts since it was queued, over all redrives; of a saga those of the
    /// step at which it stands.
    pub attempts: i64,
    /// Why the first attempt failed; empty when that was not kept.
    pub first_error: String,
    /// Why the last attempt failed.
    pub last_error: String,
    /// When it was queued, Unix milliseconds.
    pub enqueued_at_ms: i64,
    /// When it was given up, Unix milliseconds.
    pub died_at_ms: i64,
    /// Request and trace that it comes from.
    pub meta: Meta,
    /// What an administrator may see of the work itself; only when one letter
    /// is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// Where work comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Meta {
    /// Trace, in which its attempts are found too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Request that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// User who caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Colour of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gray_version: Option<String>,
}

impl Meta {
    /// Reads what [`shoal_context::Context::to_map`] and the trace propagation
    /// wrote when the work was queued.
    #[must_use]
    pub fn of<'a>(context: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let pairs = context.into_iter().map(|(k, v)| (k.clone(), v.clone()));
        let context: HashMap<String, String> = pairs.collect();
        let known = Metadata::from_map(&context);
        let trace = context.get("traceparent");
        Self {
            trace_id: trace.and_then(|parent| parent.split('-').nth(1).map(str::to_owned)),
            request_id: known.request_id,
            user_id: known.user_id,
            gray_version: known.gray_version,
        }
    }
}

/// Which dead letters, oldest id first. The default is all of them, up to none:
/// say how many.
#[derive(Clone, Debug, Serialize)]
pub struct Selection {
    /// Only these; empty for any.
    pub ids: Vec<String>,
    /// Only of this kind; empty for any.
    pub kind: String,
    /// Only given up for this reason; empty for any.
    pub reason: String,
    /// Only those that died at this time or later, Unix milliseconds.
    pub died_from_ms: i64,
    /// Only those that died at this time or earlier, Unix milliseconds.
    pub died_until_ms: i64,
    /// Only ids after this one; empty for the first.
    #[serde(skip)]
    pub after: String,
    /// At most so many.
    pub limit: i64,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            kind: String::new(),
            reason: String::new(),
            died_from_ms: 0,
            died_until_ms: i64::MAX,
            after: String::new(),
            limit: 0,
        }
    }
}

impl Selection {
    /// The letter with this id.
    #[must_use]
    pub fn one(id: &str) -> Self {
        Self {
            ids: vec![id.to_owned()],
            limit: 1,
            ..Self::default()
        }
    }

    /// The oldest `limit` letters.
    #[must_use]
    pub fn oldest(limit: i64) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Work that waits or is under way.
    pub depth: i64,
    /// For how long the longest overdue piece has been due, milliseconds. Not
    /// its age: what waits for its next attempt is not late.
    pub overdue_ms: i64,
    /// Dead letters.
    pub dead: i64,
}

/// Keeps dead letters of one queue. Whoever implements it is listed, redriven,
/// discarded and measured like all others.
pub trait DeadLetters: Send + Sync + 'static {
    /// Name of the queue within its service.
    fn queue(&self) -> &str;

    /// How the queue stands.
    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>>;

    /// The letters of the selection, by id; with their payload when `inspect`.
    fn list<'a>(
        &'a self,
        selection: &'a Selection,
        inspect: bool,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>>>;

    /// Has letters tried again with a fresh count of attempts, and adds their ids
    /// to `moved` as they are: those before an error are noted too. What is not
    /// dead any more is left out.
    fn redrive<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Gives letters up for good; adds their ids as [`DeadLetters::redrive`] does.
    fn discard<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>>;
}
