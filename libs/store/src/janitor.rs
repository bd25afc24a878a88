//! Cleans connections that were dropped in the middle of something.
//!
//! A drop cannot wait, so it hands the connection over. The janitor cancels the
//! statement at the server, rolls back, and only then gives the connection to
//! the next caller; whatever does not answer in time is closed instead.

use std::sync::atomic::Ordering;
use std::time::Duration;

use shoal_task::{Receiver, Scope, Sender, channel};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::pool::Pooled;
use crate::session::Interrupt;

/// Bound on each step of a cleaning.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that may not be reused as it is.
pub(crate) struct Soiled {
    pub(crate) session: Pooled,
    /// Its statement was ended from outside.
    pub(crate) interrupted: bool,
    /// It is in a transaction.
    pub(crate) in_tx: bool,
}

enum Job {
    Cancel(i32),
    Clean(Soiled),
}

/// The sending side; the work is done by one task of the store's scope.
pub(crate) struct Janitor {
    jobs: Sender<Job>,
}

impl Janitor {
    /// Starts the task. `capacity` is the number of connections, times two:
    /// each can at most be cancelled and cleaned once before it is reused.
    pub(crate) fn start(
        scope: &Scope,
        capacity: usize,
        postgres: Option<PgConnectOptions>,
    ) -> Self {
        let (jobs, inbox) = channel("store-janitor", capacity.max(1) * 2);
        let canceller = Canceller {
            options: postgres,
            connection: None,
        };
        let own = scope.clone();
        scope.spawn_detached_context("janitor", work(inbox, canceller, own));
        Self { jobs }
    }

    /// Ends the statement that runs on a connection.
    pub(crate) fn interrupt(&self, how: &Interrupt) {
        match how {
            Interrupt::Sqlite(flag) => flag.store(true, Ordering::Relaxed),
            Interrupt::Postgres(pid) => {
                // When full, the server's own statement timeout still ends it.
                let _ = self.jobs.try_send(Job::Cancel(*pid));
            }
        }
    }

    /// Takes a connection over. When the janitor is gone the connection is
    /// closed, which rolls back too.
    pub(crate) fn clean(&self, soiled: Soiled) {
        if let Err(error) = self.jobs.try_send(Job::Clean(soiled)) {
            tracing::debug!(%error, "a connection could not be cleaned and is closed");
        }
    }
}

async fn work(mut inbox: Receiver<Job>, mut canceller: Canceller, scope: Scope) {
    loop {
        let job = tokio::select! {
            biased;
            job = inbox.recv() => job,
            // Closed; what was handed over before has been taken already.
            () = scope.cancelled() => None,
        };
        match job {
            Some(Job::Cancel(pid)) => canceller.cancel(pid).await,
            Some(Job::Clean(soiled)) => {
                scope.spawn_detached_context("clean", clean(soiled));
            }
            None => return,
        }
    }
}

async fn clean(mut soiled: Soiled) {
    // SQLite rolls back by itself when interrupted, behind sqlx's back.
    let reusable = match &soiled.session.session.interrupt {
        Interrupt::Sqlite(_) if soiled.interrupted => false,
        _ => tokio::time::timeout(PATIENCE, tidy(&mut soiled))
            .await
            .is_ok_and(|done| done.is_ok()),
    };
    if !reusable {
        soiled.session.close_hard();
    }
}

async fn tidy(soiled: &mut Soiled) -> sqlx::Result<()> {
    let backend = soiled.session.session.backend();
    if soiled.in_tx {
        backend.rollback().await?;
    }
    if soiled.interrupted {
        // A cancellation that came late may hit this ping; then it fails, and
        // the connection is closed rather than reused.
        backend.ping().await?;
    }
    Ok(())
}

/// A connection of its own, opened when first needed, so that cancelling works
/// when the pool is exhausted, as it is when statements hang.
struct Canceller {
    options: Option<PgConnectOptions>,
    connection: Option<PgConnection>,
}

impl Canceller {
    async fn cancel(&mut self, pid: i32) {
        match tokio::time::timeout(PATIENCE, self.try_cancel(pid)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.connection = None;
                tracing::warn!(%error, "a statement could not be cancelled at the server");
            }
            Err(_) => {
                self.connection = None;
                tracing::warn!("the server did not take a cancellation in time");
            }
        }
    }

    async fn try_cancel(&mut self, pid: i32) -> sqlx::Result<()> {
        let Some(options) = &self.options else {
            return Ok(());
        };
        let connection = match &mut self.connection {
            Some(open) => open,
            none => none.insert(options.connect().await?),
        };
        sqlx::query("SELECT pg_cancel_backend($1)")
            .bind(pid)
            .execute(connection)
            .await?;
        Ok(())
    }
}
