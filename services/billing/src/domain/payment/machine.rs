//! The moves.

use super::{OperationKind, Phase, Refusal, State, UNDO_ATTEMPTS};

/// Something that happens to a payment. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Someone asks for a capture, void or refund; `None` means all that is
    /// left (a void is always of all that is left).
    Requested(OperationKind, Option<i64>),
    /// The provider did what it was asked.
    Succeeded(OperationKind, i64),
    /// The provider refused.
    Refused(OperationKind, i64, String),
    /// It is certain that the provider never did, nor ever will do, it.
    NeverHappened(OperationKind, i64, String),
    /// Everything is to be undone.
    CancelRequested,
}

/// What has to be done because of an event, besides keeping the new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the provider.
    Ask(OperationKind, i64),
    /// Write the movement into the ledger.
    Book(OperationKind, i64),
    /// Issue an invoice (capture) or a credit note (refund).
    Issue(OperationKind, i64),
    /// Tell the world.
    Announce(Announcement),
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Money was reserved, taken, released or given back.
    Done(OperationKind, i64),
    /// It came to nothing, and why.
    CameToNothing(OperationKind, i64, String),
}

/// The payment after the event, and what to do about it.
///
/// # Errors
/// A [`Refusal`] when the rules do not allow the event.
pub fn step(state: &State, event: Event) -> Result<(State, Vec<Effect>), Refusal> {
    let mut next = state.clone();
    let mut effects = match event {
        Event::Requested(kind, amount) => next.request(kind, amount)?,
        Event::Succeeded(kind, amount) => next.succeed(kind, amount)?,
        Event::Refused(kind, amount, reason) => {
            next.refuse(kind, amount, reason, Phase::Declined)?
        }
        Event::NeverHappened(kind, amount, reason) => {
            next.refuse(kind, amount, reason, Phase::Failed)?
        }
        Event::CancelRequested => {
            next.cancel_requested = true;
            Vec::new()
        }
    };
    effects.extend(next.undo());
    Ok((next, effects))
}

impl State {
    fn request(
        &mut self,
        kind: OperationKind,
        amount: Option<i64>,
    ) -> Result<Vec<Effect>, Refusal> {
        if self.phase == Phase::Authorizing {
            return Err(Refusal::Pending {
                pending: OperationKind::Authorize,
            });
        }
        let left = match kind {
            OperationKind::Capture => self.left_to_capture()?,
            OperationKind::Void => match self.left_to_void()? {
                0 => return Ok(Vec::new()),
                left => left,
            },
            OperationKind::Refund => self.left_to_refund()?,
            OperationKind::Authorize => return Err(self.not_allowed(kind)),
        };
        let amount = amount.unwrap_or(left);
        if amount > left || amount <= 0 {
            return Err(Refusal::Exceeds {
                operation: kind,
                left: self.money(left),
            });
        }
        *self.held(kind) += amount;
        Ok(vec![Effect::Ask(kind, amount)])
    }

    /// Once money went back, no more is taken: a capture after a refund is far
    /// more often a mistake than a wish.
    fn left_to_capture(&self) -> Result<i64, Refusal> {
        let kind = OperationKind::Capture;
        if self.cancel_requested {
            return Err(Refusal::Cancelling);
        }
        if self.refunded + self.refunding > 0 {
            return Err(self.not_allowed(kind));
        }
        self.left_or_awaited(
            kind,
            self.capturable(),
            self.releasing > 0 || self.capturing > 0,
        )
    }

    /// Zero when everything is released already, which is as good as done.
    fn left_to_void(&self) -> Result<i64, Refusal> {
        if self.capturing > 0 || self.releasing > 0 {
            let pending = self.pending().unwrap_or(OperationKind::Void);
            return Err(Refusal::Pending { pending });
        }
        if self.phase == Phase::Open && self.captured == 0 && self.released == self.amount {
            return Ok(0);
        }
        self.left_or_awaited(OperationKind::Void, self.capturable(), false)
    }

    fn left_to_refund(&self) -> Result<i64, Refusal> {
        let awaited = self.refunding > 0 || self.capturing > 0;
        self.left_or_awaited(OperationKind::Refund, self.refundable(), awaited)
    }

    fn left_or_awaited(
        &self,
        kind: OperationKind,
        left: i64,
        awaited: bool,
    ) -> Result<i64, Refusal> {
        match (left, self.pending()) {
            (1.., _) => Ok(left),
            (_, Some(pending)) if awaited => Err(Refusal::Pending { pending }),
            _ => Err(self.not_allowed(kind)),
        }
    }

    fn not_allowed(&self, operation: OperationKind) -> Refusal {
        Refusal::NotAllowed {
            operation,
            status: self.status(),
        }
    }

    fn succeed(&mut self, kind: OperationKind, amount: i64) -> Result<Vec<Effect>, Refusal> {
        self.release_hold(kind, amount)?;
        let done = Effect::Announce(Announcement::Done(kind, amount));
        let documents = vec![
            Effect::Book(kind, amount),
            done.clone(),
            // Last, because numbers without gaps make everyone wait for the commit.
            Effect::Issue(kind, amount),
        ];
        Ok(match kind {
            OperationKind::Authorize => {
                self.phase = Phase::Open;
                vec![done]
            }
            OperationKind::Capture => {
                self.captured += amount;
                documents
            }
            OperationKind::Void => {
                self.released += amount;
                vec![done]
            }
            OperationKind::Refund => {
                self.refunded += amount;
                documents
            }
        })
    }

    fn refuse(
        &mut self,
        kind: OperationKind,
        amount: i64,
        reason: String,
        phase: Phase,
    ) -> Result<Vec<Effect>, Refusal> {
        self.release_hold(kind, amount)?;
        match kind {
            OperationKind::Authorize => {
                self.phase = phase;
                self.reason = Some(reason.clone());
            }
            OperationKind::Void | OperationKind::Refund if self.cancel_requested => {
                self.undo_refusals += 1;
            }
            _ => {}
        }
        Ok(vec![Effect::Announce(Announcement::CameToNothing(
            kind, amount, reason,
        ))])
    }

    /// Ends the wait for an answer; an answer nobody waits for is refused.
    fn release_hold(&mut self, kind: OperationKind, amount: i64) -> Result<(), Refusal> {
        if kind == OperationKind::Authorize {
            let awaited = self.phase == Phase::Authorizing && amount == self.amount;
            return awaited.then_some(()).ok_or(Refusal::NotAwaited(kind));
        }
        let held = self.held(kind);
        if amount <= 0 || amount > *held {
            return Err(Refusal::NotAwaited(kind));
        }
        *held -= amount;
        Ok(())
    }

    fn held(&mut self, kind: OperationKind) -> &mut i64 {
        match kind {
            OperationKind::Capture => &mut self.capturing,
            OperationKind::Void => &mut self.releasing,
            // An authorization holds nothing; `release_hold` never gets here with it.
            OperationKind::Refund | OperationKind::Authorize => &mut self.refunding,
        }
    }

    /// The next thing to ask for while the payment is being undone: first the
    /// reservation goes, then the captured money, one at a time.
    fn undo(&mut self) -> Vec<Effect> {
        let may = self.cancel_requested
            && self.phase == Phase::Open
            && self.pending().is_none()
            && self.undo_refusals < UNDO_ATTEMPTS;
        let (kind, amount) = match (may, self.capturable(), self.refundable()) {
            (true, left @ 1.., _) => (OperationKind::Void, left),
            (true, _, left @ 1..) => (OperationKind::Refund, left),
            _ => return Vec::new(),
        };
        *self.held(kind) += amount;
        vec![Effect::Ask(kind, amount)]
    }
}
