//! A provider that needs no contract. It approves everything except the amounts
//! in [`magic`]. What it was asked it keeps in its own table, as a real provider
//! would in its own database, so that a query after a crash tells the truth.

pub mod magic;

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use shoal_store::{Store, id};
use shoal_task::{Sender, SharedClock};
use shoal_webhook::Secret;

use self::magic::Behaviour;
use super::callback::{Callback, CallbackOutcome, SignedCallback};
use super::{Answer, Instruction, Provider, ProviderError};
use crate::store::sandbox::{self, Memory, Seen};

/// The sandbox; see the module's documentation.
#[derive(Debug)]
pub struct Sandbox {
    store: Store,
    clock: SharedClock,
    slow: Duration,
    secret: Secret,
    callbacks: Sender<SignedCallback>,
}

impl Sandbox {
    /// A sandbox that remembers in `store`, signs with `secret` and hands its
    /// callbacks to `callbacks`.
    pub fn new(
        store: Store,
        clock: SharedClock,
        slow: Duration,
        secret: Secret,
        callbacks: Sender<SignedCallback>,
    ) -> Self {
        Self {
            store,
            clock,
            slow,
            secret,
            callbacks,
        }
    }

    async fn execute(&self, instruction: &Instruction) -> Result<Answer, ProviderError> {
        let behaviour = magic::behaviour(instruction.kind, instruction.amount.minor_units());
        if behaviour == Behaviour::Down {
            return Err(ProviderError::Unreachable);
        }
        let seen = self.remember(instruction, behaviour).await?;
        let first = seen.attempts == 1;
        match behaviour {
            Behaviour::Flaky if first => Err(ProviderError::Unreachable),
            Behaviour::LoseAnswer | Behaviour::LoseRequest if first => std::future::pending().await,
            Behaviour::CallBackTwice if first => {
                self.call_back_twice(instruction)?;
                Ok(Answer::Processing)
            }
            Behaviour::Slow if first => {
                tokio::time::sleep(self.slow).await;
                answer(seen.memory)
            }
            _ => answer(seen.memory),
        }
    }

    /// Counts the attempt and decides the outcome, once for each key.
    async fn remember(
        &self,
        instruction: &Instruction,
        behaviour: Behaviour,
    ) -> Result<Seen, ProviderError> {
        let (first, later) = match behaviour {
            Behaviour::Decline(reason) => (Memory::Declined(reason.to_owned()), None),
            // The first request left no trace.
            Behaviour::Flaky | Behaviour::LoseRequest => (Memory::Unseen, Some(Memory::Approved)),
            _ => (Memory::Approved, None),
        };
        let seen = sandbox::remember(&self.store, instruction, first, later).await;
        let seen = seen.map_err(|error| ProviderError::Garbled(error.to_string()))?;
        if seen.same_request {
            return Ok(seen);
        }
        Err(ProviderError::Garbled(
            "the key was used with another request".to_owned(),
        ))
    }

    fn call_back_twice(&self, instruction: &Instruction) -> Result<(), ProviderError> {
        let callback = Callback {
            id: id::new("cb"),
            operation: instruction.key.clone(),
            outcome: CallbackOutcome::Approved,
            reason: None,
        };
        let sealed = SignedCallback::seal(&callback, &self.secret, self.clock.now_ms())
            .map_err(|error| ProviderError::Garbled(error.to_string()))?;
        for _ in 0..2 {
            // A callback that finds no place is lost, as in life; the reconciler asks.
            if self.callbacks.try_send(sealed.clone()).is_err() {
                tracing::warn!(
                    operation = instruction.key,
                    "a sandbox callback found no place"
                );
            }
        }
        Ok(())
    }
}

impl Provider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn submit<'a>(
        &'a self,
        instruction: &'a Instruction,
    ) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        self.execute(instruction).boxed()
    }

    fn query<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answer>, ProviderError>> {
        async move {
            let memory = sandbox::recall(&self.store, key)
                .await
                .map_err(|error| ProviderError::Garbled(error.to_string()))?;
            match memory {
                None | Some(Memory::Unseen) => Ok(None),
                Some(known) => answer(known).map(Some),
            }
        }
        .boxed()
    }
}

fn answer(memory: Memory) -> Result<Answer, ProviderError> {
    match memory {
        Memory::Approved => Ok(Answer::Approved),
        Memory::Declined(reason) => Ok(Answer::Declined(reason)),
        Memory::Unseen => Err(ProviderError::Unreachable),
    }
}
