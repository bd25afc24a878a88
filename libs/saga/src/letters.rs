//! Parked sagas among the dead letters of their service: redriving one is
//! letting it try again.

use std::collections::HashMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_queue::{Binds, Columns, DeadLetter, DeadLetters, Meta, QueueStats, Selection};
use shoal_store::SqlResultExt as _;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::people::Decision;
use crate::runner::Sagas;

/// Name of the queue.
pub(crate) const SAGAS: &str = "sagas";

const REASON: &str =
    "CASE WHEN direction = 'backward' THEN 'compensation_failed' ELSE 'step_failed' END";

const COLUMNS: Columns = Columns {
    kind: "name",
    reason: REASON,
    died: "updated_at",
};

impl DeadLetters for Sagas {
    fn queue(&self) -> &str {
        SAGAS
    }

    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>> {
        self.count().boxed()
    }

    fn list<'a>(
        &'a self,
        selection: &'a Selection,
        inspect: bool,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>>> {
        self.letters(selection, inspect).boxed()
    }

    fn redrive<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        self.retry_parked(selection, moved).boxed()
    }

    fn discard<'a>(
        &'a self,
        _: &'a Selection,
        _: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let text = "A saga is not discarded: what it has done would stay half done. Mend it by \
                    hand and let it go on after the step.";
        std::future::ready(Err(Error::new(CommonCode::Conflict, text))).boxed()
    }
}

impl Sagas {
    /// Overdue is what no instance has taken over although its owner is gone or
    /// has let it go.
    async fn count(&self) -> Result<QueueStats> {
        let now = self.0.clock.now_ms();
        let mut conn = self.0.store.read().await?;
        let row = sqlx::query(
            "SELECT CAST((SELECT COUNT(*) FROM saga WHERE phase = 'active') AS BIGINT) AS depth, \
             CAST((SELECT COUNT(*) FROM saga WHERE phase = 'parked') AS BIGINT) AS dead, \
             CAST((SELECT COALESCE(MIN(CASE WHEN lease_until = 0 THEN updated_at \
                ELSE lease_until END), $1) FROM saga \
                WHERE phase = 'active' AND lease_until <= $1) AS BIGINT) AS due",
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

    async fn letters(&self, selection: &Selection, inspect: bool) -> Result<Vec<DeadLetter>> {
        let mut binds = Binds::default();
        let chosen = selection.conditions(&COLUMNS, &mut binds);
        let limit = binds.int(selection.limit);
        let failure = |order: &str| {
            format!(
                "COALESCE((SELECT l.detail FROM saga_log l WHERE l.saga_id = saga.id \
                 AND l.entry = 'failed' ORDER BY l.seq {order} LIMIT 1), '')"
            )
        };
        let sql = format!(
            "SELECT id, name, {REASON} AS letter_reason, CAST(attempt AS BIGINT) AS attempts, \
             {first} AS first_error, {last} AS last_error, created_at, updated_at, context \
             FROM saga WHERE phase = 'parked'{chosen} ORDER BY id LIMIT {limit}",
            first = failure("ASC"),
            last = failure("DESC"),
        );
        let mut conn = self.0.store.read().await?;
        let rows = binds.query(sql).fetch_all(&mut *conn).await.db()?;
        drop(conn);
        let mut letters = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut letter = letter(row)?;
            if inspect {
                let (saga, log) = self.inspect(&letter.id).await?;
                // Not its data, which may hold what pays.
                letter.payload = Some(json!({
                    "subject": saga.subject, "step": saga.step,
                    "direction": saga.direction, "log": log,
                }));
            }
            letters.push(letter);
        }
        Ok(letters)
    }

    async fn retry_parked(&self, selection: &Selection, moved: &mut Vec<String>) -> Result<()> {
        for row in self.parked_rows(selection).await? {
            let id: String = row.try_get("id").db()?;
            let name: String = row.try_get("name").db()?;
            if self
                .place(&name, &row.try_get::<String, _>("step").db()?)
                .is_none()
            {
                tracing::warn!(saga.id = id, saga.name = name, "a saga is unknown here");
                continue;
            }
            match self.decide(&id, Decision::Retry).await {
                Ok(_) => {
                    shoal_queue::redriven(self.0.store.service(), SAGAS, 1);
                    moved.push(id);
                }
                // Somebody else decided meanwhile.
                Err(error) if error.is(CommonCode::Conflict) || error.is(CommonCode::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn parked_rows(&self, selection: &Selection) -> Result<Vec<AnyRow>> {
        let mut binds = Binds::default();
        let chosen = selection.conditions(&COLUMNS, &mut binds);
        let limit = binds.int(selection.limit);
        let sql = format!(
            "SELECT id, name, step FROM saga WHERE phase = 'parked'{chosen} \
             ORDER BY id LIMIT {limit}"
        );
        let mut conn = self.0.store.read().await?;
        binds.query(sql).fetch_all(&mut *conn).await.db()
    }
}

fn letter(row: &AnyRow) -> Result<DeadLetter> {
    let context: String = row.try_get("context").db()?;
    let context: HashMap<String, String> = serde_json::from_str(&context).internal()?;
    Ok(DeadLetter {
        queue: SAGAS.to_owned(),
        id: row.try_get("id").db()?,
        kind: row.try_get("name").db()?,
        reason: row.try_get("letter_reason").db()?,
        attempts: row.try_get("attempts").db()?,
        first_error: row.try_get("first_error").db()?,
        last_error: row.try_get("last_error").db()?,
        enqueued_at_ms: row.try_get("created_at").db()?,
        died_at_ms: row.try_get("updated_at").db()?,
        meta: Meta::of(&context),
        payload: None,
    })
}
