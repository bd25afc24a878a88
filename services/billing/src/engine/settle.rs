//! Settling: the outcome of an operation becomes fact, in one transaction.

use shoal_error::{Error, Result};
use shoal_store::{Tx, id};

use super::Engine;
use super::drive::Verdict;
use crate::domain::operation::{Operation, OperationStatus};
use crate::domain::payment::{Effect, Event, Payment, step};
use crate::events;
use crate::store::{operations, payments};

/// A settled operation.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) operation: Operation,
    /// The payment as it was right after.
    pub(super) payment: Payment,
    /// Operations to work on at once, leased to the caller.
    pub(super) follow_ups: Vec<Operation>,
}

impl Engine {
    /// Makes the verdict fact. When someone else was faster, answers with what
    /// they found: both have asked the same provider about the same key.
    pub(super) async fn settle(&self, operation: &Operation, verdict: Verdict) -> Result<Settled> {
        let engine = self.clone();
        let (payment_id, operation_id) = (operation.payment_id.clone(), operation.id.clone());
        self.0
            .store
            .transaction(move |tx| {
                let engine = engine.clone();
                let (payment_id, operation_id) = (payment_id.clone(), operation_id.clone());
                let event = verdict.clone();
                Box::pin(async move {
                    engine
                        .settle_in(tx, &payment_id, &operation_id, event)
                        .await
                })
            })
            .await
    }

    async fn settle_in(
        &self,
        tx: &mut Tx,
        payment_id: &str,
        operation_id: &str,
        verdict: Verdict,
    ) -> Result<Settled> {
        let missing = || Error::internal("an operation or its payment is gone");
        // The payment's row first: whoever holds it decides about its operations.
        let mut payment = payments::lock(tx, payment_id).await?.ok_or_else(missing)?;
        let known = operations::get(tx, operation_id)
            .await?
            .ok_or_else(missing)?;
        let mut operation = known.operation;
        if operation.status != OperationStatus::Pending {
            let payment = known.answer.unwrap_or(payment);
            return Ok(Settled {
                operation,
                payment,
                follow_ups: Vec::new(),
            });
        }
        let event = self.judge(&mut operation, verdict)?;
        let (state, effects) = step(&payment.state, event)?;
        payment.state = state;
        payment.updated_at_ms = self.now_ms();
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Issue(..)))
        {
            operation.invoice_id = Some(id::new("inv"));
        }
        payments::update(tx, &payment).await?;
        operations::settle(tx, &operation, &payment, payment.updated_at_ms).await?;
        let follow_ups = self.apply(tx, &payment, &operation, effects).await?;
        Ok(Settled {
            operation,
            payment,
            follow_ups,
        })
    }

    /// Notes the verdict in the operation; answers with what it means to the
    /// payment.
    fn judge(&self, operation: &mut Operation, verdict: Verdict) -> Result<Event> {
        let (kind, amount) = (operation.kind, operation.amount);
        let (status, reason, event) = match verdict {
            Verdict::Approved => (
                OperationStatus::Succeeded,
                None,
                Event::Succeeded(kind, amount),
            ),
            Verdict::Declined(reason) => {
                let event = Event::Refused(kind, amount, reason.clone());
                (OperationStatus::Failed, Some(reason), event)
            }
            Verdict::NeverHappened(reason) => {
                let event = Event::NeverHappened(kind, amount, reason.clone());
                (OperationStatus::Failed, Some(reason), event)
            }
            Verdict::Unknown { .. } => {
                return Err(Error::internal("what is unknown cannot be settled"));
            }
        };
        operation.status = status;
        operation.reason = reason;
        Ok(event)
    }

    /// Carries out what the rules ask for; answers with the operations to work
    /// on at once.
    async fn apply(
        &self,
        tx: &mut Tx,
        payment: &Payment,
        operation: &Operation,
        effects: Vec<Effect>,
    ) -> Result<Vec<Operation>> {
        let mut follow_ups = Vec::new();
        for effect in effects {
            match effect {
                Effect::Issue(kind, amount) => {
                    self.issue(tx, payment, operation, kind, amount).await?;
                }
                Effect::Book(kind, amount) => {
                    self.book(tx, payment, operation, kind, amount).await?;
                }
                Effect::Announce(what) => {
                    events::announce(tx, &self.0.webhooks, payment, operation, &what).await?;
                }
                Effect::Ask(kind, amount) => {
                    let refusals = payment.state.undo_refusals;
                    let mut next = self.new_operation(&payment.id, kind, amount, None);
                    if refusals > 0 {
                        // The provider said no a moment ago: later, and by the reconciler.
                        next.lease_until_ms = 0;
                        let wait = self.0.config.provider.retry_after_ms(refusals);
                        operations::insert(tx, &next, next.created_at_ms + wait).await?;
                    } else {
                        operations::insert(tx, &next, next.lease_until_ms).await?;
                        follow_ups.push(next);
                    }
                }
            }
        }
        Ok(follow_ups)
    }
}
