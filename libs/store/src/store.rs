//! The store: opening, migrating, and handing out connections.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::RngExt as _;
use shoal_error::{CommonCode, Error, Result};
use shoal_task::{Scope, SharedClock, system_clock};
use shoal_telemetry::metrics::Saturation;

use crate::config::{DatabaseConfig, Dialect};
use crate::conn::{Isolation, Reader, Tx};
use crate::error::{SqlResultExt as _, is_conflict};
use crate::janitor::Janitor;
use crate::migrate::Migrations;
use crate::open::Target;
use crate::pool::SessionPool;
use crate::shared::Shared;

/// How often a transaction that lost against another is run at most.
const ATTEMPTS: u32 = 8;

/// Bound on closing.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// A service's database. Clones share the connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    readers: SessionPool,
    /// On SQLite a pool of one, so that writers queue fairly in here instead of
    /// polling for the file's lock; on PostgreSQL the same pool as `readers`.
    writers: SessionPool,
    scope: Scope,
    target: Target,
}

impl Store {
    /// Opens the database of `service`, creating its file or schema when
    /// missing, and proves that it can be reached.
    ///
    /// # Errors
    /// [`CommonCode::Unavailable`] with one sentence that names the place
    /// without its password; [`CommonCode::InvalidField`] for a URL that is
    /// neither engine's.
    pub async fn open(service: &str, config: &DatabaseConfig) -> Result<Self> {
        Self::open_with_clock(service, config, system_clock()).await
    }

    /// Like [`Store::open`] with a clock of the caller's choice, which dates
    /// leases, expiries and outbox rows.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub async fn open_with_clock(
        service: &str,
        config: &DatabaseConfig,
        clock: SharedClock,
    ) -> Result<Self> {
        let target = Target::parse(service, config)?;
        target.prepare().await?;
        let scope = Scope::root(format!("{service}/store"));
        let sessions = config.max_connections + 1;
        let janitor = Janitor::start(&scope, sessions, target.postgres().cloned());
        let shared = Arc::new(Shared::new(service, target.dialect(), clock, janitor));
        let pool = |writer, name, size| {
            SessionPool::new(
                target.opener(writer),
                size,
                config.acquire_timeout(),
                config.max_lifetime(),
                target.place().to_owned(),
                Saturation::new(service, "pool", name, size),
            )
        };
        let readers = pool(false, "database", config.max_connections)?;
        let writers = match target.dialect() {
            Dialect::Sqlite => pool(true, "database-writer", 1)?,
            Dialect::Postgres => readers.clone(),
        };
        let store = Self(Arc::new(Inner {
            shared,
            readers,
            writers,
            scope,
            target,
        }));
        drop(store.0.writers.get().await?);
        store.learn_constraints().await?;
        Ok(store)
    }

    /// Brings the schema up to date: the platform's tables, the sets of
    /// libraries, then the service's own, in one go. Instances that start at
    /// the same time wait for each other.
    ///
    /// # Errors
    /// One sentence that names the migration and what is wrong with it.
    pub async fn migrate(&self, migrations: Migrations) -> Result<()> {
        let platform = crate::platform_migrations();
        self.0
            .target
            .migrate(&self.0.shared.service, migrations.with(platform))
            .await?;
        self.learn_constraints().await
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// [`CommonCode::Overloaded`] when none became free in time,
    /// [`CommonCode::Unavailable`] when the database does not answer, or the
    /// request's own end.
    pub async fn read(&self) -> Result<Reader> {
        let session = self.0.readers.get().await?;
        Ok(Reader::new(session, Arc::clone(&self.0.shared)))
    }

    /// A write transaction at the default isolation.
    ///
    /// # Errors
    /// Those of [`Store::read`].
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_with(Isolation::default()).await
    }

    /// A write transaction. On SQLite the write lock is taken here, so that a
    /// transaction never fails half-way because it came second; who begins a
    /// second one while holding the first waits for himself.
    ///
    /// # Errors
    /// Those of [`Store::read`].
    pub async fn begin_with(&self, isolation: Isolation) -> Result<Tx> {
        let begin = async || {
            let session = self.0.writers.get().await?;
            Tx::begin(session, Arc::clone(&self.0.shared), isolation).await
        };
        match begin().await {
            // A connection that the server has closed meanwhile shows here;
            // nothing has happened yet, so a new one may try.
            Err(error) if error.is(CommonCode::Unavailable) && !is_conflict(&error) => {
                begin().await
            }
            other => other,
        }
    }

    /// Runs `work` in a transaction and commits it; when it lost against
    /// another (serialization failure, deadlock, busy), rolls back and runs it
    /// again, a bounded number of times. `work` must have no effect outside.
    ///
    /// # Errors
    /// Those of `work`, or of the last attempt.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T>>,
    {
        self.transaction_with(Isolation::default(), work).await
    }

    /// Like [`Store::transaction`] at another isolation.
    ///
    /// # Errors
    /// Those of [`Store::transaction`].
    pub async fn transaction_with<T, F>(&self, isolation: Isolation, mut work: F) -> Result<T>
    where
        F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T>>,
    {
        let mut attempt = 1;
        loop {
            let outcome = async {
                let mut tx = self.begin_with(isolation).await?;
                let value = work(&mut tx).await?;
                tx.commit().await?;
                Ok(value)
            };
            match outcome.await {
                Err(error) if attempt < ATTEMPTS && is_conflict(&error) => {
                    self.0.shared.metrics.conflict();
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Which engine this is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.shared.dialect
    }

    /// Name of the owning service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.0.shared.service
    }

    /// Where the database is, without credentials.
    #[must_use]
    pub fn place(&self) -> &str {
        self.0.target.place()
    }

    /// The clock that dates rows.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.0.shared.clock
    }

    /// Resolves after a commit that recorded events; for the relay, which also
    /// polls.
    pub async fn outbox_changed(&self) {
        self.0.shared.outbox.notified().await;
    }

    /// Resolves after dead letters were queued for another try.
    pub async fn dead_letters_queued(&self) {
        self.0.shared.redriven.notified().await;
    }

    /// Has the consumers look for dead letters that were queued for another try.
    pub fn wake_redriven(&self) {
        self.0.shared.redriven.notify_waiters();
        self.0.shared.redriven.notify_one();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Readiness: the database answers.
    ///
    /// # Errors
    /// Those of [`Store::read`].
    pub async fn ping(&self) -> Result<()> {
        let mut conn = self.read().await?;
        sqlx::query("SELECT 1").execute(&mut *conn).await.db()?;
        Ok(())
    }

    /// Refuses new callers, waits for connections that are being cleaned, and
    /// closes the others.
    pub async fn close(&self) {
        self.0.readers.close();
        self.0.writers.close();
        self.0.scope.drain(CLOSE_PATIENCE).await;
    }

    async fn learn_constraints(&self) -> Result<()> {
        if self.dialect() == Dialect::Sqlite {
            let mut conn = self.read().await?;
            let names = crate::open::sqlite_constraints(&mut conn).await?;
            self.0.shared.learn(names);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("service", &self.service())
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

/// Doubles from 5 ms to 320 ms, less up to half at random, so that those who
/// collided do not collide again.
fn pause(attempt: u32) -> Duration {
    let base = 5_u64 << attempt.min(6);
    Duration::from_millis(rand::rng().random_range(base / 2..=base))
}

/// Whether a name may be a schema and part of a file name.
pub(crate) fn check_service(service: &str) -> Result<()> {
    let starts = service.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = service
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if starts && rest && service.len() <= 48 {
        return Ok(());
    }
    Err(Error::new(
        CommonCode::InvalidField,
        format!("{service:?} cannot name a database: use a-z, 0-9 and _, at most 48."),
    ))
}
