//! The dead letters of a queue that is a table.

use std::collections::HashMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use shoal_error::Result;
use shoal_store::SqlResultExt as _;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::letter::{DeadLetter, DeadLetters, Meta, QueueStats, Selection};
use crate::select::Binds;
use crate::table::{DEAD, TableQueue};

impl DeadLetters for TableQueue {
    fn queue(&self) -> &str {
        self.table.queue
    }

    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>> {
        self.count().boxed()
    }

    fn list<'a>(
        &'a self,
        selection: &'a Selection,
        inspect: bool,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>>> {
        self.dead(selection, inspect).boxed()
    }

    fn redrive<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let change = async {
            let mut tx = self.store.begin().await?;
            let ids = self.redrive_in(&mut tx, selection, None).await?;
            tx.commit().await?;
            moved.extend(ids);
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
            let mut tx = self.store.begin().await?;
            let ids = self.discard_in(&mut tx, selection).await?;
            tx.commit().await?;
            moved.extend(ids);
            Ok(())
        };
        change.boxed()
    }
}

impl TableQueue {
    async fn count(&self) -> Result<QueueStats> {
        let table = self.table.table;
        let sql = format!(
            "SELECT CAST((SELECT COUNT(*) FROM {table} \
                WHERE state IN ('queued', 'failed', 'sending')) AS BIGINT) AS depth, \
             CAST((SELECT COUNT(*) FROM {table} WHERE {DEAD}) AS BIGINT) AS dead, \
             CAST(({}) AS BIGINT) AS due",
            self.table.due_since()
        );
        let now = self.store.clock().now_ms();
        let mut conn = self.store.read().await?;
        let row = sqlx::query(AssertSqlSafe(sql))
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

    async fn dead(&self, selection: &Selection, inspect: bool) -> Result<Vec<DeadLetter>> {
        let table = &self.table;
        let mut binds = Binds::default();
        let chosen = selection.conditions(&table.columns(), &mut binds);
        let limit = binds.int(selection.limit);
        let shown: String = match inspect {
            true => table.shown.iter().map(|c| format!(", {c}")).collect(),
            false => String::new(),
        };
        let sql = format!(
            "SELECT id, {kind} AS letter_kind, reason, attempts_total, first_error, \
             COALESCE(last_error, '') AS last_error_text, finished_at, \
             CAST(COALESCE(queued_at, created_at) AS BIGINT) AS queued, \
             {context} AS letter_context{shown} \
             FROM {name} WHERE {DEAD}{chosen} ORDER BY id LIMIT {limit}",
            kind = table.kind,
            context = table.context,
            name = table.table,
        );
        let mut conn = self.store.read().await?;
        let rows = binds.query(sql).fetch_all(&mut *conn).await.db()?;
        let letter = |row| self.letter(row, inspect);
        rows.iter().map(letter).collect()
    }

    fn letter(&self, row: &AnyRow, inspect: bool) -> Result<DeadLetter> {
        let context: String = row.try_get("letter_context").db()?;
        let context: HashMap<String, String> = serde_json::from_str(&context).unwrap_or_default();
        let payload = match inspect {
            true => Some(self.payload(row)?),
            false => None,
        };
        Ok(DeadLetter {
            queue: self.table.queue.to_owned(),
            id: row.try_get("id").db()?,
            kind: row.try_get("letter_kind").db()?,
            reason: row.try_get("reason").db()?,
            attempts: row.try_get("attempts_total").db()?,
            first_error: row.try_get("first_error").db()?,
            last_error: row.try_get("last_error_text").db()?,
            enqueued_at_ms: row.try_get("queued").db()?,
            died_at_ms: row.try_get("finished_at").db()?,
            meta: Meta::of(&context),
            payload,
        })
    }

    /// The shown columns; what holds JSON is shown as JSON.
    fn payload(&self, row: &AnyRow) -> Result<Value> {
        let mut shown = Map::new();
        for column in self.table.shown {
            let text: String = row.try_get(*column).db()?;
            let value = match text.starts_with(['{', '[']) {
                true => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                false => Value::String(text),
            };
            shown.insert((*column).to_owned(), value);
        }
        Ok(Value::Object(shown))
    }
}
