//! Asking the provider until something is known.

use std::time::Duration;

use shoal_error::{Error, Result};
use tracing::Instrument as _;

use super::Engine;
use super::outcome::{Outcome, Pending, is_unreachable};
use super::settle::Settled;
use crate::domain::operation::{Operation, OperationKind};
use crate::domain::payment::Payment;
use crate::provider::{Answer, Instruction, ProviderError};
use crate::store::payments;

/// How often a provider that cannot be reached is tried within one attempt.
const QUICK_TRIES: u32 = 3;
/// The pause between them, times the number of tries so far.
const QUICK_PAUSE: Duration = Duration::from_millis(50);
/// Reason of an operation of which the provider never got to know.
const NEVER_REACHED: &str = "never_reached_provider";

/// Whether the provider may have heard of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It has not.
    First,
    /// It may have: ask what became of it first.
    Again,
}

/// What is known after asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The provider did it.
    Approved,
    /// The provider will not do it.
    Declined(String),
    /// The provider does not know of it and never will.
    NeverHappened(String),
    /// Nothing certain. Whether the provider was asked to do it just now, and
    /// whether it is certain that it was not reached.
    Unknown { submitted: bool, unreachable: bool },
}

impl Engine {
    /// Works on a leased operation, and on those that follow from it, until each
    /// is settled or postponed. Answers for the first.
    pub(super) async fn drive(&self, operation: Operation, attempt: Attempt) -> Result<Outcome> {
        let (outcome, mut next) = self.drive_one(operation, attempt).await?;
        while let Some(operation) = next.pop() {
            let id = operation.id.clone();
            match self.drive_one(operation, Attempt::First).await {
                Ok((_, more)) => next.extend(more),
                // Its lease will end and the reconciler will take it up.
                Err(error) => tracing::warn!(operation = id, "not settled yet: {error:?}"),
            }
        }
        outcome
    }

    async fn drive_one(
        &self,
        operation: Operation,
        attempt: Attempt,
    ) -> Result<(Result<Outcome>, Vec<Operation>)> {
        let payment = self.payment_of(&operation).await?;
        let verdict = self.find_out(&operation, &payment, attempt).await;
        crate::metrics::count_verdict(operation.kind, &verdict);
        if let Verdict::Unknown {
            submitted,
            unreachable,
        } = verdict
        {
            self.postpone(&operation, submitted).await?;
            return Ok((
                Ok(Outcome::Pending(Pending {
                    payment,
                    unreachable,
                })),
                Vec::new(),
            ));
        }
        let Settled {
            operation,
            payment,
            follow_ups,
        } = self.settle(&operation, verdict).await?;
        Ok((Outcome::of_settled(&operation, payment), follow_ups))
    }

    async fn payment_of(&self, operation: &Operation) -> Result<Payment> {
        let mut conn = self.0.store.read().await?;
        let payment = payments::get(&mut conn, &operation.payment_id).await?;
        payment.ok_or_else(|| Error::internal("an operation has no payment"))
    }

    async fn find_out(
        &self,
        operation: &Operation,
        payment: &Payment,
        attempt: Attempt,
    ) -> Verdict {
        let instruction = Instruction {
            key: operation.id.clone(),
            kind: operation.kind,
            amount: payment.state.money(operation.amount),
            payment: payment.id.clone(),
            payment_method: payment.payment_method.clone(),
        };
        if attempt == Attempt::First {
            return self.submit(&instruction).await;
        }
        match self.query(&instruction.key).await {
            Ok(Some(answer)) => verdict_of(answer, false),
            Ok(None) if !self.may_ask_again(operation, payment) => self.wait_or_bury(operation),
            Ok(None) => self.submit(&instruction).await,
            Err(error) => Verdict::Unknown {
                submitted: false,
                unreachable: is_unreachable(&error),
            },
        }
    }

    /// Nobody wants a reservation any more that is to be undone at once, nor
    /// anything that has been tried for too long.
    fn may_ask_again(&self, operation: &Operation, payment: &Payment) -> bool {
        let unwanted = operation.kind == OperationKind::Authorize && payment.state.cancel_requested;
        let age = self.now_ms() - operation.created_at_ms;
        !unwanted && age < self.0.config.provider.give_up_after_ms()
    }

    /// An operation that the provider does not know and is not asked for again
    /// has never happened, once a late request can no longer arrive.
    fn wait_or_bury(&self, operation: &Operation) -> Verdict {
        let silent = self.now_ms() - operation.asked_at_ms;
        if silent >= self.0.config.provider.settle_after_ms() {
            return Verdict::NeverHappened(NEVER_REACHED.to_owned());
        }
        Verdict::Unknown {
            submitted: false,
            unreachable: false,
        }
    }

    async fn submit(&self, instruction: &Instruction) -> Verdict {
        let limit = self.0.config.provider.timeout();
        let deadline = tokio::time::Instant::now() + limit;
        let mut tries = 1;
        loop {
            let call = self
                .0
                .provider
                .submit(instruction)
                .instrument(self.span("submit", instruction));
            let outcome = tokio::time::timeout_at(deadline, call).await;
            match outcome.unwrap_or(Err(ProviderError::TimedOut)) {
                Ok(answer) => return verdict_of(answer, true),
                Err(ProviderError::Unreachable) if tries < QUICK_TRIES => {
                    tokio::time::sleep(QUICK_PAUSE * tries).await;
                    tries += 1;
                }
                Err(error) => {
                    tracing::warn!(operation = instruction.key, "no answer: {error}");
                    let unreachable = is_unreachable(&error);
                    return Verdict::Unknown {
                        submitted: true,
                        unreachable,
                    };
                }
            }
        }
    }

    async fn query(&self, key: &str) -> Result<Option<Answer>, ProviderError> {
        let provider = &self.0.provider;
        let span = tracing::info_span!(
            "provider query",
            provider = provider.name(),
            operation = key
        );
        let call = provider.query(key).instrument(span);
        let answer = tokio::time::timeout(self.0.config.provider.timeout(), call).await;
        answer.unwrap_or(Err(ProviderError::TimedOut))
    }

    async fn postpone(&self, operation: &Operation, submitted: bool) -> Result<()> {
        let now = self.now_ms();
        let due = now + self.0.config.provider.retry_after_ms(operation.attempts);
        let asked_at = if submitted {
            now
        } else {
            operation.asked_at_ms
        };
        let mut tx = self.0.store.begin().await?;
        crate::store::operations::postpone(&mut tx, &operation.id, due, asked_at).await?;
        tx.commit().await
    }

    fn span(&self, what: &'static str, instruction: &Instruction) -> tracing::Span {
        tracing::info_span!(
            "provider call",
            call = what,
            provider = self.0.provider.name(),
            kind = instruction.kind.as_str(),
            operation = instruction.key,
        )
    }
}

fn verdict_of(answer: Answer, submitted: bool) -> Verdict {
    match answer {
        Answer::Approved => Verdict::Approved,
        Answer::Declined(reason) => Verdict::Declined(reason),
        Answer::Processing => Verdict::Unknown {
            submitted,
            unreachable: false,
        },
    }
}
