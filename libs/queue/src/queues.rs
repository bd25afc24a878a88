//! All queues of a service, as administrators and metrics see them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_error::{Error, Result, ResultExt as _};
use shoal_store::idempotency::{self, ClaimToken, StoredResponse};
use shoal_store::{Page, PageRequest, Store, Tx, quietly};
use shoal_task::Scope;

use crate::audit::{self, Action, ActionRecord};
use crate::letter::{DeadLetter, DeadLetters, QueueStats, Selection};
use crate::metrics;

/// How often queues are measured. Alerts look over minutes, and each look costs
/// three counts over small indexes.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// The queues of one service; by default none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Queues(Option<Arc<Inner>>);

struct Inner {
    store: Store,
    /// By name.
    queues: Vec<Arc<dyn DeadLetters>>,
    scope: Scope,
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
pub struct Order {
    /// What.
    pub action: Action,
    /// Who.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// In this queue; `None` for all.
    pub queue: Option<String>,
    /// With which letters.
    pub selection: Selection,
    /// `Idempotency-Key` of the request: the same order under the same key is
    /// carried out once and answered alike.
    pub key: Option<String>,
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
    /// The queues of the service that keeps its data in `store`. Until the scope
    /// ends they are measured; orders under way end with it.
    #[must_use]
    pub fn new(store: Store, mut queues: Vec<Arc<dyn DeadLetters>>, scope: &Scope) -> Self {
        queues.sort_by(|a, b| a.queue().cmp(b.queue()));
        for queue in &queues {
            metrics::begin(store.service(), queue.queue());
        }
        let inner = Arc::new(Inner {
            store,
            queues,
            scope: scope.clone(),
        });
        // The handle is not needed: the scope owns the task.
        drop(scope.spawn_detached_context("queue-figures", quietly(measure(Arc::clone(&inner)))));
        Self(Some(inner))
    }

    /// How each queue stands.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn report(&self) -> Result<Vec<QueueReport>> {
        let mut reports = Vec::new();
        for queue in self.chosen(None)? {
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
    /// done, and what it came to afterwards. An order that was begun comes to its
    /// end also when nobody waits for the answer any more.
    ///
    /// # Errors
    /// `common.not_found` for an unknown queue; those of the idempotency key, of
    /// the queues and of the database. What was done before an error is noted.
    pub async fn act(&self, order: Order) -> Result<Acted> {
        let Some(inner) = &self.0 else {
            return Ok(Acted::default());
        };
        let queues = self.chosen(order.queue.as_deref())?;
        let queues = queues.into_iter().map(Arc::clone).collect();
        let carried_out = carry_out(inner.store.clone(), queues, order);
        let scope = &inner.scope;
        scope
            .spawn_detached_context("dead-letter-order", carried_out)
            .await?
    }

    /// What was done with letters, newest first.
    ///
    /// # Errors
    /// Those of the page request and of the database.
    pub async fn actions(&self, request: &PageRequest) -> Result<Page<ActionRecord>> {
        const LIST: &str = "dead-letter-actions";
        let rows = match &self.0 {
            Some(inner) => {
                let mut conn = inner.store.read().await?;
                audit::list(&mut conn, &request.after(LIST)?, request.fetch()?).await?
            }
            None => Vec::new(),
        };
        Page::cut(rows, request, LIST, |action| [action.id.clone()])
    }

    fn chosen(&self, name: Option<&str>) -> Result<Vec<&Arc<dyn DeadLetters>>> {
        let all = self.0.iter().flat_map(|inner| &inner.queues);
        let Some(name) = name else {
            return Ok(all.collect());
        };
        let found = all.into_iter().find(|queue| queue.queue() == name);
        let found = found.ok_or_else(|| Error::not_found("queue", name))?;
        Ok(vec![found])
    }
}

/// Measures the queues until the scope ends.
async fn measure(inner: Arc<Inner>) {
    while !inner.scope.is_cancelled() {
        measure_once(&inner).await;
        tokio::select! {
            () = inner.scope.cancelled() => {}
            () = tokio::time::sleep(MEASURE_EVERY) => {}
        }
    }
}

async fn measure_once(Inner { store, queues, .. }: &Inner) {
    for queue in queues {
        match queue.stats().await {
            Ok(stats) => metrics::stands(store.service(), queue.queue(), &stats),
            Err(error) => {
                tracing::debug!(queue = queue.queue(), error = %error.report(), "not measured");
            }
        }
    }
}

/// Claims the order's key, notes the order, does it, and notes what it came to.
async fn carry_out(store: Store, queues: Vec<Arc<dyn DeadLetters>>, order: Order) -> Result<Acted> {
    let mut tx = store.begin().await?;
    let claim = match claim(&mut tx, &order).await? {
        Some(Err(before)) => return serde_json::from_str(&before.body).internal(),
        Some(Ok(token)) => Some(token),
        None => None,
    };
    let action = audit::begin(&mut tx, &order).await?;
    tx.commit().await?;

    let mut acted = Acted::default();
    let outcome = move_letters(&queues, &order, &mut acted).await;
    let (by, count) = (&order.by, acted.letters.len());
    tracing::warn!(action = ?order.action, by, count, reason = order.reason, "dead letters");
    // By itself: it is true even where the key is another's by now.
    let mut tx = store.begin().await?;
    audit::end(&mut tx, &action, &acted).await?;
    tx.commit().await?;

    if let Some(token) = &claim {
        let mut tx = store.begin().await?;
        match &outcome {
            Ok(()) => idempotency::finish(&mut tx, token, &answer(&acted)?).await?,
            Err(_) => idempotency::abandon(&mut tx, token).await?,
        }
        tx.commit().await?;
    }
    outcome.map(|()| acted)
}

fn answer(acted: &Acted) -> Result<StoredResponse> {
    Ok(StoredResponse {
        status: 200,
        headers: BTreeMap::new(),
        body: serde_json::to_string(acted).internal()?,
    })
}

/// Claims the order's key, or finds what was answered to it before.
async fn claim(tx: &mut Tx, order: &Order) -> Result<Option<Result<ClaimToken, StoredResponse>>> {
    let Some(key) = &order.key else {
        return Ok(None);
    };
    let scope = format!("dead-letters {}", order.by);
    let selection = serde_json::to_vec(&order.selection).internal()?;
    let what = format!(
        "{:?} {} {}",
        order.action,
        order.queue.as_deref().unwrap_or("*"),
        order.reason
    );
    let print = idempotency::fingerprint("POST", &what, &selection);
    let claim = idempotency::begin(tx, &scope, key, &print).await?;
    claim.or_refuse().map(Some)
}

async fn move_letters(
    queues: &[Arc<dyn DeadLetters>],
    order: &Order,
    acted: &mut Acted,
) -> Result<()> {
    let mut left = order.selection.limit;
    for queue in queues {
        let selection = Selection {
            limit: left,
            ..order.selection.clone()
        };
        let mut moved = Vec::new();
        let outcome = match order.action {
            Action::Redrive => queue.redrive(&selection, &mut moved).await,
            Action::Discard => queue.discard(&selection, &mut moved).await,
        };
        left -= i64::try_from(moved.len()).unwrap_or(left);
        acted.letters.extend(moved.into_iter().map(|id| Letter {
            queue: queue.queue().to_owned(),
            id,
        }));
        outcome?;
        if left <= 0 {
            break;
        }
    }
    Ok(())
}
