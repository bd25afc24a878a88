//! One connection to a database server or file, whichever the engine.
//!
//! It is a native connection, not `sqlx::AnyConnection`, because that one hides
//! what the store needs: the options with which a connection is opened, the
//! process id under which PostgreSQL can be asked to cancel a statement, and
//! SQLite's progress handler. Only rows and arguments are those of `Any`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use sqlx_core::any::AnyConnectionBackend;

/// SQLite's instructions between two looks at the interrupt flag: some tens of
/// microseconds.
const PROGRESS_OPS: i32 = 2_000;

/// How connections are opened.
#[derive(Clone, Debug)]
pub(crate) enum Opener {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

/// An open connection.
pub(crate) struct Session {
    raw: Raw,
    /// How a running statement is ended.
    pub(crate) interrupt: Interrupt,
}

enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Handle with which a statement is ended from outside.
#[derive(Clone, Debug)]
pub(crate) enum Interrupt {
    /// The progress handler stops the statement when the flag is up.
    Sqlite(Arc<AtomicBool>),
    /// The server process to send a cancellation to.
    Postgres(i32),
}

impl Opener {
    /// A SQLite file, made if missing. `writer` connections may change it.
    pub(crate) fn sqlite(path: &Path, writer: bool) -> Self {
        Self::Sqlite(
            SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("query_only", if writer { "OFF" } else { "ON" })
                .disable_statement_logging(),
        )
    }

    /// Opens a connection.
    pub(crate) async fn open(&self) -> sqlx::Result<Session> {
        match self {
            Self::Sqlite(options) => {
                let mut connection = options.connect().await?;
                let flag = Arc::new(AtomicBool::new(false));
                let seen = Arc::clone(&flag);
                connection
                    .lock_handle()
                    .await?
                    .set_progress_handler(PROGRESS_OPS, move || !seen.load(Ordering::Relaxed));
                Ok(Session {
                    raw: Raw::Sqlite(connection),
                    interrupt: Interrupt::Sqlite(flag),
                })
            }
            Self::Postgres(options) => {
                let mut connection = options.connect().await?;
                let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                    .fetch_one(&mut connection)
                    .await?;
                Ok(Session {
                    raw: Raw::Postgres(connection),
                    interrupt: Interrupt::Postgres(pid),
                })
            }
        }
    }
}

impl Session {
    /// The connection as one that takes and returns values of `Any`.
    pub(crate) fn backend(&mut self) -> &mut dyn AnyConnectionBackend {
        match &mut self.raw {
            Raw::Sqlite(connection) => connection,
            Raw::Postgres(connection) => connection,
        }
    }

    /// Closes the connection in an orderly way.
    pub(crate) async fn close(self) -> sqlx::Result<()> {
        match self.raw {
            Raw::Sqlite(connection) => connection.close().await,
            Raw::Postgres(connection) => connection.close().await,
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("interrupt", &self.interrupt)
            .finish_non_exhaustive()
    }
}
