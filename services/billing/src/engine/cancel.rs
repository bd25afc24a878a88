//! Undoing all that was paid under a reference.

use shoal_error::{Error, Result};
use shoal_store::Tx;

use super::Engine;
use super::drive::Attempt;
use crate::domain::operation::{Operation, OperationStatus};
use crate::domain::payment::{Effect, Event, Payment, step};
use crate::domain::request;
use crate::store::{operations, payments, references};

/// What became of the payments under a cancelled reference.
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// All of them, newest first.
    pub payments: Vec<Payment>,
    /// Whether nothing is left to undo.
    pub settled: bool,
}

impl Engine {
    /// Voids what is authorized, refunds what is captured, refuses what comes
    /// later. May be repeated.
    ///
    /// # Errors
    /// Faults of the request, or those of the database. A provider that does not
    /// answer is no error: the intention is recorded and carried out later.
    pub async fn cancel_by_reference(&self, reference: &str, reason: &str) -> Result<Cancelled> {
        request::token(reference).map_err(|fault| Error::invalid_field("/reference", fault))?;
        request::text(reason).map_err(|fault| Error::invalid_field("/reason", fault))?;
        let engine = self.clone();
        let (name, why) = (reference.to_owned(), reason.to_owned());
        let work = self
            .0
            .store
            .transaction(move |tx| {
                let (engine, name, why) = (engine.clone(), name.clone(), why.clone());
                Box::pin(async move { engine.request_cancel(tx, &name, &why).await })
            })
            .await?;
        for (operation, attempt) in work {
            let engine = self.clone();
            let driven = self.0.scope.spawn_detached_context("undo", async move {
                // Whatever it leads to is read below; what failed is tried again later.
                engine.drive(operation, attempt).await
            });
            if let Err(error) = shoal_context::Context::current().stop_or(driven).await?? {
                tracing::warn!(reference, "not undone yet: {error:?}");
            }
        }
        let payments = payments::by_reference(&mut *self.0.store.read().await?, reference).await?;
        let settled = payments.iter().all(|payment| payment.state.is_undone());
        Ok(Cancelled { payments, settled })
    }

    /// Records the intention; answers with the operations to work on, leased.
    async fn request_cancel(
        &self,
        tx: &mut Tx,
        reference: &str,
        reason: &str,
    ) -> Result<Vec<(Operation, Attempt)>> {
        references::cancel(tx, reference, reason).await?;
        let mut work = Vec::new();
        for payment in payments::by_reference(tx, reference).await? {
            let Some(payment) = payments::lock(tx, &payment.id).await? else {
                continue;
            };
            if !payment.state.is_undone() {
                work.extend(self.cancel_payment(tx, payment).await?);
            }
        }
        Ok(work)
    }

    async fn cancel_payment(
        &self,
        tx: &mut Tx,
        mut payment: Payment,
    ) -> Result<Vec<(Operation, Attempt)>> {
        let mut work = self.take_pending(tx, &payment).await?;
        if payment.state.cancel_requested {
            return Ok(work);
        }
        let (state, effects) = step(&payment.state, Event::CancelRequested)?;
        payment.state = state;
        payment.updated_at_ms = self.now_ms();
        payments::update(tx, &payment).await?;
        for effect in effects {
            if let Effect::Ask(kind, amount) = effect {
                let operation = self.new_operation(&payment.id, kind, amount, None);
                operations::insert(tx, &operation, operation.lease_until_ms).await?;
                work.push((operation, Attempt::First));
            }
        }
        Ok(work)
    }

    /// Operations that wait for the reconciler need not wait for it now.
    async fn take_pending(
        &self,
        tx: &mut Tx,
        payment: &Payment,
    ) -> Result<Vec<(Operation, Attempt)>> {
        let now = self.now_ms();
        let until = now + self.0.config.provider.lease_ms();
        let mut taken = Vec::new();
        for operation in operations::of_payment(tx, &payment.id).await? {
            let waits = operation.status == OperationStatus::Pending;
            if waits && operations::take(tx, &operation.id, now, until).await? {
                taken.push((operation, Attempt::Again));
            }
        }
        Ok(taken)
    }
}
