//! The dead letters of events: what consumers could not deal with, in the
//! table that [`shoal_store::dead_letters`] keeps.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use shoal_error::{Result, ResultExt as _};
use shoal_store::dead_letters::{self, DeadLetter as Parked};
use shoal_store::{EventEnvelope, SqlResultExt as _, Store};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::letter::{DeadLetter, DeadLetters, Meta, QueueStats, Selection};
use crate::metrics;
use crate::select::{Binds, Columns};

/// Name of the queue.
pub const EVENTS: &str = "events";

const COLUMNS: Columns = Columns {
    kind: "kind",
    reason: "code",
    died: "updated_at",
};

/// Events that no attempt could deal with, of all consumers of a service.
#[derive(Clone, Debug)]
pub struct EventLetters(Store);

impl EventLetters {
    /// Those in this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    async fn count(&self) -> Result<QueueStats> {
        let now = self.0.clock().now_ms();
        let mut conn = self.0.read().await?;
        let row = sqlx::query(
            "SELECT CAST((SELECT COUNT(*) FROM dead_letters WHERE state = 'queued') AS BIGINT) \
                AS depth, \
             CAST((SELECT COUNT(*) FROM dead_letters WHERE state = 'parked') AS BIGINT) AS dead, \
             CAST((SELECT COALESCE(MIN(updated_at), $1) FROM dead_letters \
                WHERE state = 'queued') AS BIGINT) AS due",
        )
        .bind(now)
        .fetch_one(&mut *conn)
        .await
        .db()?;
        Ok(QueueStats {
            depth: row.try_get("depth").db()?,
            overdue_ms: now.saturating_sub(row.try_get("due").db()?),
            dead: row.try_get("dead").db()?,
        })
    }

    async fn parked(&self, selection: &Selection, inspect: bool) -> Result<Vec<DeadLetter>> {
        let mut binds = Binds::default();
        let chosen = selection.conditions(&COLUMNS, &mut binds);
        let limit = binds.int(selection.limit);
        let sql = format!(
            "SELECT * FROM dead_letters WHERE state = 'parked'{chosen} ORDER BY id LIMIT {limit}"
        );
        let mut conn = self.0.read().await?;
        let rows = binds.query(sql).fetch_all(&mut *conn).await.db()?;
        rows.iter().map(|row| letter(row, inspect)).collect()
    }

    /// Queues parked events for another round of attempts by their consumers;
    /// answers which.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn redrive(&self, selection: &Selection) -> Result<Vec<String>> {
        let moved = self.change(selection, "queued").await?;
        self.0.wake_redriven();
        metrics::redriven(self.0.service(), EVENTS, moved.len() as u64);
        Ok(moved)
    }

    /// Calls parked events done without another attempt; answers which.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn discard(&self, selection: &Selection) -> Result<Vec<String>> {
        let gone = self.change(selection, "done").await?;
        let count = gone.len() as u64;
        metrics::dropped(self.0.service(), EVENTS, metrics::DISCARDED, count);
        Ok(gone)
    }

    async fn change(&self, selection: &Selection, state: &'static str) -> Result<Vec<String>> {
        let mut tx = self.0.begin().await?;
        let mut binds = Binds::default();
        let now = binds.int(tx.now_ms());
        let chosen = selection.conditions(&COLUMNS, &mut binds);
        let limit = binds.int(selection.limit);
        let sql = format!(
            "UPDATE dead_letters SET state = '{state}', updated_at = {now} \
             WHERE state = 'parked' AND id IN (SELECT id FROM dead_letters \
             WHERE state = 'parked'{chosen} ORDER BY id LIMIT {limit}) RETURNING id"
        );
        let rows = binds.query(sql).fetch_all(&mut *tx).await.db()?;
        tx.commit().await?;
        rows.iter().map(|row| row.try_get("id").db()).collect()
    }
}

impl DeadLetters for EventLetters {
    fn queue(&self) -> &str {
        EVENTS
    }

    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>> {
        self.count().boxed()
    }

    fn list<'a>(
        &'a self,
        selection: &'a Selection,
        inspect: bool,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>>> {
        self.parked(selection, inspect).boxed()
    }

    fn redrive<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let change = async {
            moved.extend(self.redrive(selection).await?);
            Ok(())
        };
        change.boxed()
    }

    fn discard<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let change = async {
            moved.extend(self.discard(selection).await?);
            Ok(())
        };
        change.boxed()
    }
}

fn letter(row: &AnyRow, inspect: bool) -> Result<DeadLetter> {
    let parked: Parked = dead_letters::read(row)?;
    let event = parked.event();
    let last_error = parked.reason;
    let first_error: String = row.try_get("first_reason").db()?;
    Ok(DeadLetter {
        queue: EVENTS.to_owned(),
        id: parked.id,
        kind: parked.kind,
        reason: row.try_get("code").db()?,
        attempts: parked.attempts,
        first_error,
        last_error,
        enqueued_at_ms: event.as_ref().map_or(parked.parked_at, |e| e.occurred_at),
        died_at_ms: row.try_get("updated_at").db()?,
        meta: event
            .as_ref()
            .map(|e| Meta::of(&e.context))
            .unwrap_or_default(),
        payload: match inspect {
            true => Some(payload(&parked.group, event)?),
            false => None,
        },
    })
}

/// Data of events holds addresses and tokens, which are nobody's to read here;
/// a message that is no event may be anything.
fn payload(group: &str, event: Option<EventEnvelope>) -> Result<Value> {
    let mut shown = match event {
        Some(event) => serde_json::to_value(event).internal()?,
        None => Value::Object(serde_json::Map::new()),
    };
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("data");
        fields.insert("group".to_owned(), Value::from(group));
    }
    Ok(shown)
}
