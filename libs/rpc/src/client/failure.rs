//! Why an attempt failed, and whether the callee may have begun the work.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use shoal_error::{CommonCode, Error};
use shoal_resilience::Rejected;
use tonic::{ConnectError, Status, TimeoutExpired};

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// Whether the request may have reached the callee. If not, repeating it
    /// is safe whatever it does.
    pub(crate) sent: bool,
    /// Whether the instance is to blame.
    pub(crate) broken: bool,
    /// Whether another attempt may fare better.
    pub(crate) repeatable: bool,
}

impl Failure {
    /// There is nobody to call.
    pub(crate) fn no_instance(dependency: &str) -> Self {
        let message = format!("No instance of {dependency} takes calls.");
        Self {
            status: never_sent(message),
            sent: false,
            broken: false,
            repeatable: true,
        }
    }

    /// The breaker does not let the call through.
    pub(crate) fn held_down(dependency: &str, rejected: Rejected) -> Self {
        let message = format!("{dependency} is held to be down, so it was not called.");
        let mut error = Error::new(CommonCode::Unavailable, message);
        // While trial calls are under way their outcome is near.
        let again = rejected.retry_after.unwrap_or(Duration::from_secs(1));
        error = error.with_retry_after(again);
        let mut status = error.to_status();
        status.set_source(Arc::new(NeverSent));
        Self {
            status,
            sent: false,
            broken: false,
            repeatable: false,
        }
    }

    /// The connection failed before, while or after the request was sent.
    pub(crate) fn transport(
        dependency: &str,
        addr: &str,
        error: &(dyn StdError + 'static),
    ) -> Self {
        // tonic's channel keeps a clock for `grpc-timeout` too, which may run
        // out just before the callee's own answer arrives.
        if chain(error).any(<dyn StdError>::is::<TimeoutExpired>) {
            let message = "The deadline passed before the work was done.";
            let error = Error::new(CommonCode::DeadlineExceeded, message);
            return Self {
                status: error.to_status(),
                sent: true,
                broken: false,
                repeatable: true,
            };
        }
        let sent = !was_never_sent(error);
        let reason = innermost(error);
        let happened = if sent {
            "broke the connection"
        } else {
            "cannot be reached"
        };
        tracing::warn!(
            dependency,
            server.address = addr,
            reason,
            "{dependency} {happened}"
        );
        let message = format!("{dependency} {happened}.");
        let status = if sent {
            unavailable(message)
        } else {
            never_sent(message)
        };
        Self {
            status,
            sent,
            broken: true,
            repeatable: true,
        }
    }

    /// The status for the caller. `sent_before` says whether an earlier attempt
    /// may have reached a callee: then the call as a whole was sent.
    pub(crate) fn into_status(self, sent_before: bool) -> Status {
        if sent_before && !self.sent {
            return unavailable(self.status.message().to_owned());
        }
        self.status
    }
}

fn unavailable(message: String) -> Status {
    Error::new(CommonCode::Unavailable, message).to_status()
}

/// Marks a status of our own making: the call never left this process, so it had
/// no effect. A marker in the source cannot come from the callee.
#[derive(Debug)]
pub(crate) struct NeverSent;

impl std::fmt::Display for NeverSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the call was never sent")
    }
}

impl StdError for NeverSent {}

fn never_sent(message: String) -> Status {
    let mut status = unavailable(message);
    status.set_source(Arc::new(NeverSent));
    status
}

/// Whether the error or one of its causes is the marker.
pub(crate) fn is_never_sent(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(<dyn StdError>::is::<NeverSent>)
}

/// The connection never came to be, or closed before the request got onto it.
fn was_never_sent(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        cause.is::<ConnectError>()
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_canceled)
    })
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
