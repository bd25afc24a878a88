//! Callbacks of the provider.

use shoal_error::Result;
use shoal_task::Receiver;

use super::Engine;
use super::drive::{Attempt, Verdict};
use crate::domain::operation::OperationStatus;
use crate::provider::Answer;
use crate::provider::callback::{Callback, SignedCallback};
use crate::store::{callbacks, operations};

/// What a callback led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The operation is settled because of it.
    Settled,
    /// It came before, or the operation was settled already.
    Duplicate,
    /// No operation of ours has this id.
    Unknown,
}

impl Engine {
    /// Takes a callback as it came over the wire.
    ///
    /// # Errors
    /// `billing.callback_signature`, `common.malformed_body`, or those of the
    /// database, after which the provider calls back again.
    pub async fn receive_callback(&self, sealed: &SignedCallback) -> Result<Received> {
        let callback = sealed.open(&self.0.callback_secret, self.now_ms())?;
        let received = self.apply_callback(&callback).await?;
        crate::metrics::count_callback(received);
        Ok(received)
    }

    async fn apply_callback(&self, callback: &Callback) -> Result<Received> {
        let mut conn = self.0.store.read().await?;
        let known = operations::get(&mut conn, &callback.operation).await?;
        drop(conn);
        let Some(known) = known else {
            return Ok(Received::Unknown);
        };
        let was_pending = known.operation.status == OperationStatus::Pending;
        if was_pending {
            let verdict = match callback.answer() {
                Answer::Declined(reason) => Verdict::Declined(reason),
                Answer::Approved | Answer::Processing => Verdict::Approved,
            };
            let settled = self.settle(&known.operation, verdict).await?;
            for operation in settled.follow_ups {
                let engine = self.clone();
                drop(self.0.scope.spawn_detached_context("undo", async move {
                    engine.drive(operation, Attempt::First).await
                }));
            }
        }
        // Noted after it took effect: a crash in between repeats a harmless step,
        // the other order could lose the callback.
        let mut tx = self.0.store.begin().await?;
        let provider = self.0.provider.name();
        let first = callbacks::first_time(&mut tx, provider, callback, self.now_ms()).await?;
        tx.commit().await?;
        Ok(if was_pending && first {
            Received::Settled
        } else {
            Received::Duplicate
        })
    }

    /// Hands callbacks of a provider in this process to the same door through
    /// which others come over HTTP.
    pub fn start_callbacks(&self, mut from: Receiver<SignedCallback>) {
        let engine = self.clone();
        drop(self.0.scope.spawn_detached_context("sandbox callbacks", async move {
            loop {
                tokio::select! {
                    () = engine.0.scope.cancelled() => return,
                    next = from.recv() => {
                        let Some(sealed) = next else { return };
                        if let Err(error) = engine.receive_callback(&sealed).await {
                            tracing::warn!(callback = sealed.id, "callback not taken: {error:?}");
                        }
                    }
                }
            }
        }));
    }
}
