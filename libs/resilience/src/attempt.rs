//! One call to a dependency, from asking the breaker to telling it.

use std::time::Duration;

use shoal_context::Context;
use tokio::time::Instant;

use crate::{Dependency, Permit, Rejected};

/// What a call says about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did its part, whatever it answered.
    Well,
    /// It is there; how long it took says nothing, as calls of every kind go
    /// this way.
    Answered,
    /// It failed.
    Failed,
    /// The deadline passed: its fault if it had had the time that it needs.
    OutOfTime,
    /// Nothing: it refused under load, or the caller went away.
    Neither,
}

/// A call under way. Dropped before it ended, it was given up: for lack of time
/// when the deadline of the context in which it began has passed, else because
/// its caller went away.
#[derive(Debug)]
#[must_use = "an attempt that is dropped at once counts nothing"]
pub struct Attempt<'a> {
    dependency: &'a Dependency,
    permit: Option<Permit<'a>>,
    begun: Duration,
    deadline: Option<Instant>,
}

impl Dependency {
    /// Begins a call for `context`.
    ///
    /// # Errors
    /// [`Rejected`] while the dependency is held to be down.
    pub fn attempt(&self, context: &Context) -> Result<Attempt<'_>, Rejected> {
        let begun = self.now();
        Ok(Attempt {
            permit: Some(self.acquire(begun)?),
            dependency: self,
            begun,
            deadline: context.deadline(),
        })
    }
}

impl Attempt<'_> {
    /// The call ended.
    pub fn ended(mut self, verdict: Verdict) {
        self.tell(verdict);
    }

    fn tell(&mut self, verdict: Verdict) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let now = self.dependency.now();
        let took = now.saturating_sub(self.begun);
        match verdict {
            Verdict::Well => permit.success(took, now),
            Verdict::Answered => permit.answered(now),
            Verdict::Failed => permit.failure(now),
            Verdict::OutOfTime => permit.gave_up(took, now),
            Verdict::Neither => drop(permit),
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let late = self.deadline.is_some_and(|by| Instant::now() >= by);
        self.tell(if late {
            Verdict::OutOfTime
        } else {
            Verdict::Neither
        });
    }
}
