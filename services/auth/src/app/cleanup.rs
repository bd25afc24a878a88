//! Deleting what has ended.

use std::time::Duration;

use shoal_error::Result;
use shoal_task::Scope;

use super::App;
use crate::config::ms;
use crate::store::cleanup::{self, PORTION, Refuse};

impl App {
    /// Cleans up every `every` until the scope ends.
    pub(crate) async fn keep_clean(self, every: Duration, scope: Scope) {
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.clean_up().await {
                tracing::warn!(error = error.report(), "cleaning up failed");
            }
        }
    }

    /// Deletes everything that has ended; how many rows.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn clean_up(&self) -> Result<u64> {
        let mut total = 0;
        for refuse in Refuse::ALL {
            let deleted = self.clean_up_one(refuse).await?;
            if deleted > 0 {
                tracing::debug!(rows = deleted, of = refuse.name(), "cleaned up");
            }
            total += deleted;
        }
        Ok(total)
    }

    async fn clean_up_one(&self, refuse: Refuse) -> Result<u64> {
        let keep_ms = match refuse {
            Refuse::Sessions | Refuse::RefreshTokens => ms(self.config.clean_up.keep_sessions_s),
            Refuse::Verifications => ms(self.config.tokens.verification_ttl_s),
            Refuse::Revocations | Refuse::Throttles => 0,
        };
        let mut total = 0;
        loop {
            // Each portion is a transaction of its own, so that others get in.
            let mut tx = self.store.begin().await?;
            let deleted = cleanup::delete(&mut tx, refuse, self.now_ms() - keep_ms).await?;
            tx.commit().await?;
            total += deleted;
            if deleted < PORTION.unsigned_abs() {
                return Ok(total);
            }
        }
    }
}
