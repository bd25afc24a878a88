//! Live inbox streams.
//!
//! A stream is a position in a user's inbox. Whatever wakes it, it asks the
//! database for what lies after its position, so nothing is lost or repeated,
//! whichever instance wrote it and however often the client reconnects.
//! Positions become visible in order (see `store::inbox::add`).
//!
//! Wake-ups are hints: a commit in this instance at once, and one query per
//! interval for all users with streams here, which finds what other instances
//! wrote. Rejected: LISTEN/NOTIFY (PostgreSQL only), and an event per item over
//! the bus to every instance (each would receive every user's items to find the
//! few it has streams for).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_error::{Error, Result};
use shoal_store::quietly;
use shoal_task::Scope;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{App, Inner};
use crate::codes::NotificationCode;
use crate::store::inbox::{self, Item};

/// Items fetched at once by a stream that catches up.
const BATCH: i64 = 100;
/// Users per query of the poll; SQLite takes 32,766 parameters, less is kinder.
const POLL_CHUNK: usize = 500;

/// Which users have streams here, and how far their inboxes reach.
pub(super) struct Hub {
    users: Mutex<HashMap<String, User>>,
    draining: CancellationToken,
}

struct User {
    reached: watch::Sender<i64>,
    streams: usize,
}

/// One open stream. Dropping it gives its place back.
pub(crate) struct Follower {
    app: App,
    user_id: String,
    position: i64,
    reached: watch::Receiver<i64>,
    /// Wall time at which the token that opened it ends, Unix milliseconds.
    ends_at_ms: i64,
}

/// What a stream sends next.
pub(crate) enum Batch {
    /// Items in order.
    Items(Vec<Item>),
    /// Nothing for a while; the caller shows that the connection lives.
    Quiet,
    /// The service shuts down, or the token ended.
    End,
}

impl Hub {
    pub(super) fn new(draining: CancellationToken) -> Self {
        Self {
            users: Mutex::default(),
            draining,
        }
    }

    /// Says how far an inbox reaches now.
    pub(super) fn reached(&self, user_id: &str, position: i64) {
        if let Some(user) = self.lock().get(user_id) {
            user.reached.send_if_modified(|known| {
                let further = position > *known;
                *known = position.max(*known);
                further
            });
        }
    }

    fn join(&self, user_id: &str, per_user: usize, total: usize) -> Result<watch::Receiver<i64>> {
        let mut users = self.lock();
        if users.values().map(|user| user.streams).sum::<usize>() >= total {
            return Err(full("The service has as many streams as it can hold."));
        }
        let user = users.entry(user_id.to_owned()).or_insert_with(|| User {
            reached: watch::Sender::new(0),
            streams: 0,
        });
        if user.streams >= per_user {
            return Err(full("You have as many streams open as allowed."));
        }
        user.streams += 1;
        crate::metrics::stream_opened();
        Ok(user.reached.subscribe())
    }

    fn leave(&self, user_id: &str) {
        let mut users = self.lock();
        if let Some(user) = users.get_mut(user_id) {
            user.streams -= 1;
            crate::metrics::stream_closed();
            if user.streams == 0 {
                users.remove(user_id);
            }
        }
    }

    fn followed(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, User>> {
        // The map is whole between any two statements that change it.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full(message: &'static str) -> Error {
    Error::new(NotificationCode::TooManyStreams, message).with_retry_after(Duration::from_secs(5))
}

impl App {
    /// Opens a stream of what comes after `after`; `None` means from now on.
    pub(crate) async fn follow(
        &self,
        user_id: &str,
        after: Option<i64>,
        ends_at_ms: i64,
    ) -> Result<Follower> {
        let limits = &self.inner.config.streams;
        let streams = &self.inner.streams;
        let reached = streams.join(user_id, limits.max_per_user, limits.max_total)?;
        // From here on the follower's drop gives the place back.
        let mut follower = Follower {
            app: self.clone(),
            user_id: user_id.to_owned(),
            position: 0,
            reached,
            ends_at_ms,
        };
        let last = {
            let mut reader = self.inner.store.read().await?;
            inbox::last_position(&mut reader, user_id).await?
        };
        follower.position = match after {
            None => last,
            Some(position) if (0..=last).contains(&position) => position,
            Some(_) => {
                return Err(Error::new(
                    NotificationCode::InvalidEventId,
                    "The stream never gave out this event id.",
                )
                .with_field("Last-Event-ID", "is beyond the end of the inbox"));
            }
        };
        Ok(follower)
    }

    /// Starts asking for what other instances wrote.
    pub(super) fn start_streams(&self, scope: &Scope) {
        let (inner, within) = (Arc::clone(&self.inner), scope.clone());
        let poll = Duration::from_millis(inner.config.streams.poll_interval_ms);
        drop(scope.spawn_detached_context("inbox-poll", async move {
            loop {
                tokio::select! {
                    () = within.cancelled() => return,
                    () = tokio::time::sleep(poll) => {}
                }
                if let Err(error) = quietly(inner.poll_positions()).await {
                    tracing::warn!(error.code = error.code(), "{}", error.report());
                }
            }
        }));
    }
}

impl Inner {
    async fn poll_positions(&self) -> Result<()> {
        let followed = self.streams.followed();
        for chunk in followed.chunks(POLL_CHUNK) {
            let mut reader = self.store.read().await?;
            for (user_id, last) in inbox::last_positions(&mut reader, chunk).await? {
                self.streams.reached(&user_id, last);
            }
        }
        Ok(())
    }
}

impl Follower {
    /// Waits for the next batch, at most for a heartbeat.
    ///
    /// # Errors
    /// Those of the database; the position is unchanged then.
    pub(crate) async fn next(&mut self) -> Result<Batch> {
        let heartbeat = Duration::from_millis(self.app.inner.config.streams.heartbeat_ms);
        let draining = self.app.inner.streams.draining.clone();
        let silence = tokio::time::sleep(heartbeat);
        tokio::pin!(silence);
        loop {
            if draining.is_cancelled() || self.app.now() >= self.ends_at_ms {
                return Ok(Batch::End);
            }
            // Marked as seen before the look, so that what comes during the
            // look wakes the wait below.
            self.reached.borrow_and_update();
            let items = self.fetch().await?;
            if let Some(last) = items.last() {
                self.position = last.position;
                return Ok(Batch::Items(items));
            }
            tokio::select! {
                () = draining.cancelled() => return Ok(Batch::End),
                () = &mut silence => return Ok(Batch::Quiet),
                changed = self.reached.changed() => {
                    if changed.is_err() {
                        return Ok(Batch::End);
                    }
                }
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Item>> {
        let mut reader = self.app.inner.store.read().await?;
        inbox::after(&mut reader, &self.user_id, self.position, BATCH).await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.app.inner.streams.leave(&self.user_id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn places_are_bounded_per_user_and_in_all_and_come_back() {
        let hub = Hub::new(CancellationToken::new());
        let _a = hub.join("usr_a", 2, 3).unwrap();
        let _b = hub.join("usr_a", 2, 3).unwrap();
        assert!(
            hub.join("usr_a", 2, 3)
                .unwrap_err()
                .is(NotificationCode::TooManyStreams)
        );
        let _c = hub.join("usr_b", 2, 3).unwrap();
        assert!(hub.join("usr_c", 2, 3).is_err());
        hub.leave("usr_a");
        hub.leave("usr_a");
        assert_eq!(hub.followed(), ["usr_b"]);
        hub.join("usr_c", 2, 3).unwrap();
    }

    #[test]
    fn only_news_wakes_a_stream() {
        let hub = Hub::new(CancellationToken::new());
        let mut stream = hub.join("usr_a", 1, 1).unwrap();
        stream.borrow_and_update();
        hub.reached("usr_a", 3);
        assert!(stream.has_changed().unwrap());
        stream.borrow_and_update();
        hub.reached("usr_a", 3);
        hub.reached("usr_a", 2);
        hub.reached("usr_b", 9);
        assert!(!stream.has_changed().unwrap());
    }
}
