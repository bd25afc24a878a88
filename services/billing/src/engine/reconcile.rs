//! The reconciler: finds out what became of operations that nobody works on,
//! because the provider kept silent or a process died.

use std::sync::Arc;
use std::time::Duration;

use shoal_error::Result;
use shoal_store::Dialect;
use shoal_task::{PumpConfig, Queue, Waker, pump};

use super::Engine;
use super::drive::Attempt;
use crate::domain::operation::Operation;
use crate::store::operations;

/// Operations that one process looks at, at once.
const CONCURRENCY: usize = 16;

impl Engine {
    /// Takes up what a process before this one left behind. A SQLite file has
    /// one process at a time, so whoever held a lease is gone; on PostgreSQL it
    /// may be a neighbour, and leases end by themselves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recover(&self) -> Result<()> {
        if self.0.store.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        let left = operations::end_leases(&mut tx, self.now_ms()).await?;
        tx.commit().await?;
        if left > 0 {
            tracing::info!(operations = left, "taking up what was left undecided");
        }
        Ok(())
    }

    /// Starts looking for undecided operations; ends with the engine's scope.
    pub fn start_reconciler(&self) {
        let config = PumpConfig {
            name: "reconciler",
            concurrency: CONCURRENCY,
            poll: Duration::from_millis(self.0.config.provider.poll_ms),
        };
        pump(
            &self.0.scope,
            config,
            Arc::new(Undecided(self.clone())),
            Waker::default(),
        );
    }
}

struct Undecided(Engine);

impl Queue for Undecided {
    type Job = Operation;

    async fn claim(&self, limit: usize) -> Result<Vec<Operation>> {
        let engine = &self.0.0;
        let now = engine.clock.now_ms();
        if !operations::any_due(&mut *engine.store.read().await?, now).await? {
            return Ok(Vec::new());
        }
        let until = now + engine.config.provider.lease_ms();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut tx = engine.store.begin().await?;
        let due = operations::take_due(&mut tx, limit, now, until).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn run(&self, operation: Operation) {
        let id = operation.id.clone();
        if let Err(error) = self.0.drive(operation, Attempt::Again).await {
            // A refusal by the provider is an outcome too; it is in the books.
            tracing::info!(operation = id, code = error.code(), "reconciled: {error}");
        }
    }
}
