//! Requests: each becomes one operation, however often it is sent.

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_money::Money;
use shoal_store::{Tx, id, idempotency};

use super::outcome::{Done, Outcome, reference_cancelled};
use super::{Engine, drive::Attempt};
use crate::domain::operation::{Operation, OperationKind, OperationStatus, RequestKey};
use crate::domain::payment::{Effect, Event, Payment, State, step};
use crate::domain::request::{self, PaymentRequest};
use crate::store::{operations, payments, references};

/// Payments that one reference may have; far above what retries need.
const MAX_PER_REFERENCE: i64 = 100;

/// Who asks, and under which key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Separates the keys of callers: a user id, or `rpc` for other services.
    pub scope: String,
    /// The idempotency key.
    pub key: String,
}

/// What is asked of an existing payment.
#[derive(Clone, Debug)]
struct Wish {
    payment_id: String,
    kind: OperationKind,
    amount: Option<Money>,
    note: String,
}

/// What a key turned out to be.
enum Claimed {
    /// A new or taken-over operation, to be worked on.
    Work(Box<Operation>, Attempt),
    /// An answer that needs no work.
    Answer(Box<Result<Outcome>>),
}

impl Engine {
    /// Reserves money.
    ///
    /// # Errors
    /// Faults of the request, `billing.payment_declined`,
    /// `billing.reference_cancelled`, or those of idempotency keys.
    pub async fn authorize(&self, caller: Caller, request: PaymentRequest) -> Result<Outcome> {
        let request = request.checked(&self.0.config.accepted_currencies)?;
        let body = serde_json::to_vec(&request).internal()?;
        let key = request_key(caller, OperationKind::Authorize, "", &body)?;
        let engine = self.clone();
        self.work(move |tx| {
            let (engine, key, request) = (engine.clone(), key.clone(), request.clone());
            Box::pin(async move { engine.claim_authorize(tx, key, request).await })
        })
        .await
    }

    /// Takes reserved money; all that is left without an amount.
    ///
    /// # Errors
    /// What the payment's state refuses, `billing.provider_refused`, or those of
    /// idempotency keys.
    pub async fn capture(
        &self,
        caller: Caller,
        payment_id: &str,
        amount: Option<Money>,
    ) -> Result<Outcome> {
        self.operate(caller, OperationKind::Capture, payment_id, amount, "")
            .await
    }

    /// Releases all that is reserved and not captured.
    ///
    /// # Errors
    /// Those of [`Engine::capture`].
    pub async fn void(&self, caller: Caller, payment_id: &str) -> Result<Outcome> {
        self.operate(caller, OperationKind::Void, payment_id, None, "")
            .await
    }

    /// Gives captured money back; all that is left without an amount.
    ///
    /// # Errors
    /// Those of [`Engine::capture`].
    pub async fn refund(
        &self,
        caller: Caller,
        payment_id: &str,
        amount: Option<Money>,
        reason: &str,
    ) -> Result<Outcome> {
        request::text(reason).map_err(|fault| Error::invalid_field("/reason", fault))?;
        self.operate(caller, OperationKind::Refund, payment_id, amount, reason)
            .await
    }

    async fn operate(
        &self,
        caller: Caller,
        kind: OperationKind,
        payment_id: &str,
        amount: Option<Money>,
        note: &str,
    ) -> Result<Outcome> {
        if let Some(amount) = amount {
            request::check_amount(amount, &[])?;
        }
        let body = serde_json::to_vec(&(amount, note)).internal()?;
        let key = request_key(caller, kind, payment_id, &body)?;
        let wish = Wish {
            payment_id: payment_id.to_owned(),
            kind,
            amount,
            note: note.to_owned(),
        };
        let engine = self.clone();
        self.work(move |tx| {
            let (engine, key, wish) = (engine.clone(), key.clone(), wish.clone());
            Box::pin(async move { engine.claim_operation(tx, key, wish).await })
        })
        .await
    }

    /// Claims, then works on what was claimed. The work goes on when the caller
    /// hangs up: an operation that was begun is brought to its end.
    async fn work<F>(&self, claim: F) -> Result<Outcome>
    where
        F: for<'t> FnMut(&'t mut Tx) -> futures::future::BoxFuture<'t, Result<Claimed>>,
    {
        let context = Context::current();
        let place = context
            .stop_or(self.0.places.clone().acquire_owned())
            .await?
            .internal()?;
        match self.0.store.transaction(claim).await? {
            Claimed::Answer(answer) => *answer,
            Claimed::Work(operation, attempt) => {
                let engine = self.clone();
                let work = self
                    .0
                    .scope
                    .spawn_detached_context("operation", async move {
                        let outcome = engine.drive(*operation, attempt).await;
                        drop(place);
                        outcome
                    });
                context.stop_or(work).await??
            }
        }
    }

    async fn claim_authorize(
        &self,
        tx: &mut Tx,
        key: RequestKey,
        request: PaymentRequest,
    ) -> Result<Claimed> {
        if let Some(claimed) = self.look_up(tx, &key).await? {
            return Ok(claimed);
        }
        let reference = references::enter(tx, &request.reference).await?;
        if reference.cancelled {
            return Err(reference_cancelled(&request.reference));
        }
        if reference.payments > MAX_PER_REFERENCE {
            let text =
                format!("There are {MAX_PER_REFERENCE} payments under this reference already.");
            return Err(Error::new(CommonCode::Conflict, text));
        }
        let now = self.now_ms();
        let payment = Payment {
            id: id::new("pay"),
            user_id: request.user_id,
            reference: request.reference,
            description: request.description,
            payment_method: request.payment_method,
            provider: self.0.provider.name().to_owned(),
            lines: request.lines,
            state: State::new(request.amount),
            created_at_ms: now,
            updated_at_ms: now,
        };
        payments::insert(tx, &payment).await?;
        let amount = payment.state.amount;
        let operation =
            self.new_operation(&payment.id, OperationKind::Authorize, amount, Some(key));
        operations::insert(tx, &operation, operation.lease_until_ms).await?;
        Ok(Claimed::Work(Box::new(operation), Attempt::First))
    }

    async fn claim_operation(&self, tx: &mut Tx, key: RequestKey, wish: Wish) -> Result<Claimed> {
        if let Some(claimed) = self.look_up(tx, &key).await? {
            return Ok(claimed);
        }
        let locked = payments::lock(tx, &wish.payment_id).await?;
        let mut payment = locked.ok_or_else(|| Error::not_found("payment", &wish.payment_id))?;
        if let Some(amount) = wish.amount {
            let zero = payment.state.money(0);
            zero.same_currency(amount)
                .map_err(|fault| fault.at("/amount/currency"))?;
        }
        let asked = Event::Requested(wish.kind, wish.amount.map(Money::minor_units));
        let (state, effects) = step(&payment.state, asked)?;
        let Some(amount) = asked_amount(&effects) else {
            return Ok(Claimed::Answer(Box::new(Ok(Outcome::Done(Done {
                payment,
                document_id: None,
            })))));
        };
        payment.state = state;
        payment.updated_at_ms = self.now_ms();
        payments::update(tx, &payment).await?;
        let mut operation = self.new_operation(&payment.id, wish.kind, amount, Some(key));
        operation.note = wish.note;
        operations::insert(tx, &operation, operation.lease_until_ms).await?;
        Ok(Claimed::Work(Box::new(operation), Attempt::First))
    }

    /// What a key already stands for; `None` when it is new.
    async fn look_up(&self, tx: &mut Tx, key: &RequestKey) -> Result<Option<Claimed>> {
        let Some(known) = operations::by_key(tx, key).await? else {
            return Ok(None);
        };
        let (operation, answer) = (known.operation, known.answer);
        if operation.key.as_ref() != Some(key) {
            return Err(Error::new(
                CommonCode::IdempotencyKeyReused,
                "The key was used with another request before.",
            ));
        }
        if operation.status != OperationStatus::Pending {
            let payment =
                answer.ok_or_else(|| Error::internal("a settled operation has no answer"))?;
            let outcome = Outcome::of_settled(&operation, payment);
            return Ok(Some(Claimed::Answer(Box::new(outcome))));
        }
        let now = self.now_ms();
        let until = now + self.0.config.provider.lease_ms();
        if operations::take(tx, &operation.id, now, until).await? {
            return Ok(Some(Claimed::Work(Box::new(operation), Attempt::Again)));
        }
        Err(operations::in_flight())
    }

    /// An operation that this process is about to work on.
    pub(super) fn new_operation(
        &self,
        payment_id: &str,
        kind: OperationKind,
        amount: i64,
        key: Option<RequestKey>,
    ) -> Operation {
        let now = self.now_ms();
        Operation {
            id: id::new("op"),
            payment_id: payment_id.to_owned(),
            kind,
            amount,
            status: OperationStatus::Pending,
            note: String::new(),
            reason: None,
            invoice_id: None,
            key,
            attempts: 0,
            lease_until_ms: now + self.0.config.provider.lease_ms(),
            asked_at_ms: now,
            created_at_ms: now,
        }
    }
}

fn asked_amount(effects: &[Effect]) -> Option<i64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ask(_, amount) => Some(*amount),
        _ => None,
    })
}

fn request_key(caller: Caller, kind: OperationKind, path: &str, body: &[u8]) -> Result<RequestKey> {
    if let Err(fault) = request::token(&caller.key) {
        let code = match caller.key.is_empty() {
            true => CommonCode::IdempotencyKeyMissing,
            false => CommonCode::IdempotencyKeyInvalid,
        };
        return Err(Error::new(code, "The idempotency key cannot be used.")
            .with_field("/idempotency_key", fault));
    }
    Ok(RequestKey {
        scope: format!("{kind} {}", caller.scope),
        fingerprint: idempotency::fingerprint(kind.as_str(), path, body),
        key: caller.key,
    })
}
