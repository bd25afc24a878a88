//! All queues of a service, as administrators and metrics see them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_error::{Error, Result, ResultExt as _};
use shoal_store::idempotency::{self, ClaimToken, StoredResponse};
use shoal_store::{Page, PageRequest, Store, quietly};
use shoal_task::Scope;

use crate::audit::{self, Action, ActionRecord};
use crate::letter::{DeadLetter, DeadLetters, QueueStats, Selection};
use crate::metrics;

/// How often queues are measured. Alerts look over minutes, and each look costs
/// three counts over small indexes.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// The queues of one service. Cheap to clone.
#[derive(Clone, Default)]
pub struct Queues(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: Option<Store>,
    /// By name.
    queues: Vec<Arc<dyn DeadLetters>>,
}

/// A queue and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueReport {
    /// Its name.
    pub queue: String,
    /// Its figures.
    #[serde(flatten)]
    pub stats: QueueStats,
}

/// What an administrator wants done.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// What.
    pub action: Action,
    /// Who.
    pub by: &'a str,
    /// Why, in their words.
    pub reason: &'a str,
    /// In this queue; `None` for all.
    pub queue: Option<&'a str>,
    /// With which letters.
    pub selection: Selection,
    /// `Idempotency-Key` of the request: the same order under the same key is
    /// carried out once and answered alike.
    pub key: Option<&'a str>,
}

/// What an order came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// Letters that it moved; what was not dead any more is left out.
    pub letters: Vec<Letter>,
}

/// A letter by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its queue.
    pub queue: String,
    /// Its id.
    pub id: String,
}

impl Queues {
    /// The queues of the service that keeps its data in `store`.
    #[must_use]
    pub fn new(store: Store, mut queues: Vec<Arc<dyn DeadLetters>>) -> Self {
        queues.sort_by(|a, b| a.queue().cmp(b.queue()));
        for queue in &queues {
            metrics::begin(store.service(), queue.queue());
        }
        Self(Arc::new(Inner {
            store: Some(store),
            queues,
        }))
    }

    /// How each queue stands.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn report(&self) -> Result<Vec<QueueReport>> {
        let mut reports = Vec::new();
        for queue in &self.0.queues {
            reports.push(QueueReport {
                queue: queue.queue().to_owned(),
                stats: queue.stats().await?,
            });
        }
        Ok(reports)
    }

    /// A page of dead letters, of one queue or of all, by queue and id.
    ///
    /// # Errors
    /// `common.not_found` for an unknown queue, those of the page request and of
    /// the database.
    pub async fn list(
        &self,
        queue: Option<&str>,
        selection: &Selection,
        request: &PageRequest,
    ) -> Result<Page<DeadLetter>> {
        let filter = serde_json::to_string(selection).internal()?;
        let list = format!("dead-letters/{}/{filter}", queue.unwrap_or("*"));
        let cursor = request.cursor(&list)?.map(|cursor| cursor.after);
        let (first, mut after) = match cursor.as_deref() {
            Some([queue, id]) => (queue.as_str(), id.clone()),
            _ => ("", String::new()),
        };
        let wanted = request.fetch()?;
        let mut letters = Vec::new();
        for queue in self.chosen(queue)? {
            let left = wanted - i64::try_from(letters.len()).unwrap_or(i64::MAX);
            if queue.queue() < first || left <= 0 {
                continue;
            }
            if queue.queue() > first {
                after.clear();
            }
            let selection = Selection {
                after: after.clone(),
                limit: left,
                ..selection.clone()
            };
            letters.extend(queue.list(&selection, false).await?);
        }
        Page::cut(letters, request, &list, |letter| {
            [letter.queue.clone(), letter.id.clone()]
        })
    }

    /// One letter with its payload.
    ///
    /// # Errors
    /// `common.not_found` when the queue has no such dead letter.
    pub async fn inspect(&self, queue: &str, id: &str) -> Result<DeadLetter> {
        for queue in self.chosen(Some(queue))? {
            if let Some(letter) = queue.list(&Selection::one(id), true).await?.pop() {
                return Ok(letter);
            }
        }
        Err(Error::not_found("dead letter", id))
    }

    /// Redrives or discards letters. Who ordered it is noted before anything is
    /// done, and what it came to afterwards.
    ///
    /// # Errors
    /// `common.not_found` for an unknown queue; those of the idempotency key, of
    /// the queues and of the database. What was done before an error is noted.
    pub async fn act(&self, order: &Order<'_>) -> Result<Acted> {
        let queues = self.chosen(order.queue)?;
        let Some(store) = &self.0.store else {
            return Ok(Acted::default());
        };
        let mut tx = store.begin().await?;
        let claim = match claim(&mut tx, order).await? {
            Some(Err(before)) => return serde_json::from_str(&before.body).internal(),
            Some(Ok(token)) => Some(token),
            None => None,
        };
        let action = audit::begin(&mut tx, order).await?;
        tx.commit().await?;

        let mut acted = Acted::default();
        let outcome = carry_out(&queues, order, &mut acted).await;
        let (by, count) = (order.by, acted.letters.len());
        tracing::warn!(action = ?order.action, by, count, reason = order.reason, "dead letters");

        let mut tx = store.begin().await?;
        audit::end(&mut tx, &action, &acted).await?;
        match (&claim, &outcome) {
            (Some(token), Ok(())) => {
                let answer = StoredResponse {
                    status: 200,
                    headers: BTreeMap::new(),
                    body: serde_json::to_string(&acted).internal()?,
                };
                idempotency::finish(&mut tx, token, &answer).await?;
            }
            (Some(token), Err(_)) => idempotency::abandon(&mut tx, token).await?,
            (None, _) => {}
        }
        tx.commit().await?;
        outcome.map(|()| acted)
    }

    /// What was done with letters, newest first.
    ///
    /// # Errors
    /// Those of the page request and of the database.
    pub async fn actions(&self, request: &PageRequest) -> Result<Page<ActionRecord>> {
        const LIST: &str = "dead-letter-actions";
        let rows = match &self.0.store {
            Some(store) => {
                let mut conn = store.read().await?;
                audit::list(&mut conn, &request.after(LIST)?, request.fetch()?).await?
            }
            None => Vec::new(),
        };
        Page::cut(rows, request, LIST, |action| [action.id.clone()])
    }

    /// Measures the queues until the scope ends.
    pub fn measure(&self, scope: &Scope) {
        let (queues, owner) = (self.clone(), scope.clone());
        let measuring = async move {
            while !owner.is_cancelled() {
                queues.measure_once().await;
                tokio::select! {
                    () = owner.cancelled() => {}
                    () = tokio::time::sleep(MEASURE_EVERY) => {}
                }
            }
        };
        // The handle is not needed: the scope owns the task.
        drop(scope.spawn_detached_context("queue-figures", quietly(measuring)));
    }

    async fn measure_once(&self) {
        let Some(store) = &self.0.store else { return };
        for queue in &self.0.queues {
            match queue.stats().await {
                Ok(stats) => metrics::stands(store.service(), queue.queue(), &stats),
                Err(error) => {
                    tracing::debug!(queue = queue.queue(), error = %error.report(), "not measured");
                }
            }
        }
    }

    fn chosen(&self, name: Option<&str>) -> Result<Vec<&Arc<dyn DeadLetters>>> {
        let Some(name) = name else {
            return Ok(self.0.queues.iter().collect());
        };
        let found = self.0.queues.iter().find(|queue| queue.queue() == name);
        let found = found.ok_or_else(|| Error::not_found("queue", name))?;
        Ok(vec![found])
    }
}

/// Claims the order's key, or finds what was answered to it before.
async fn claim(
    tx: &mut shoal_store::Tx,
    order: &Order<'_>,
) -> Result<Option<Result<ClaimToken, StoredResponse>>> {
    let Some(key) = order.key else {
        return Ok(None);
    };
    let scope = format!("dead-letters {}", order.by);
    let selection = serde_json::to_vec(&order.selection).internal()?;
    let what = format!(
        "{:?} {} {}",
        order.action,
        order.queue.unwrap_or("*"),
        order.reason
    );
    let print = idempotency::fingerprint("POST", &what, &selection);
    let claim = idempotency::begin(tx, &scope, key, &print).await?;
    claim.or_refuse().map(Some)
}

async fn carry_out(
    queues: &[&Arc<dyn DeadLetters>],
    order: &Order<'_>,
    acted: &mut Acted,
) -> Result<()> {
    let mut left = order.selection.limit;
    for queue in queues {
        let selection = Selection {
            limit: left,
            ..order.selection.clone()
        };
        let moved = match order.action {
            Action::Redrive => queue.redrive(&selection).await?,
            Action::Discard => queue.discard(&selection).await?,
        };
        left -= i64::try_from(moved.len()).unwrap_or(left);
        acted.letters.extend(moved.into_iter().map(|id| Letter {
            queue: queue.queue().to_owned(),
            id,
        }));
        if left <= 0 {
            break;
        }
    }
    Ok(())
}
