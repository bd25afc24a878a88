//! The service's own record in the registry: from ready to drained.

use std::sync::Arc;
use std::time::Duration;

use shoal_discovery::{Discovery, Instance, Registration};
use shoal_error::{CommonCode, Error};

use crate::ops::{Readiness, ReadyCheck};
use crate::start::Prepared;

/// How often a service that is not ready yet looks again.
const POLL: Duration = Duration::from_millis(100);

/// Writes the record once every readiness check holds, so that nobody is sent
/// to an instance which cannot serve. What fails later does not take the record
/// away: a database that all instances share would empty the whole list.
pub(crate) fn announce_when_ready<C>(
    parts: &Prepared<C>,
    readiness: &Arc<Readiness>,
    record: Instance,
) -> Registration {
    let registration = parts.discovery.register();
    if parts.discovery.has_registry() {
        let (readiness, announcement) = (Arc::clone(readiness), registration.announcement());
        let scope = parts.scope.clone();
        let announcing = async move {
            while !readiness.report().await.is_ready() {
                tokio::select! {
                    () = scope.cancelled() => return,
                    () = tokio::time::sleep(POLL) => {}
                }
            }
            announcement.announce(record);
        };
        drop(parts.scope.spawn_detached_context("announce", announcing));
    }
    registration
}

/// Whether the instances of every service that this one calls were heard of.
/// Once they were, a registry that is away changes nothing: the last lists stay.
pub(crate) fn check(discovery: &Discovery) -> ReadyCheck {
    let discovery = discovery.clone();
    Arc::new(move || {
        let unread = discovery.unread();
        Box::pin(async move {
            if unread.is_empty() {
                return Ok(());
            }
            let text = format!("Instances not known yet: {}.", unread.join(", "));
            Err(Error::new(CommonCode::Unavailable, text))
        })
    })
}
