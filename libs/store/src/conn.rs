//! The connection that services hold: an sqlx executor that keeps to the
//! request's deadline and cleans up behind itself.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, Describe, Either, Execute, Executor, SqlStr};

use crate::Dialect;
use crate::error::SqlResultExt as _;
use crate::janitor::Soiled;
use crate::pool::Pooled;
use crate::shared::Shared;
use crate::statement::{Guard, Statement};

/// Bound on `COMMIT`, which no deadline interrupts: a caller should not have to
/// wonder whether it happened.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// What queries run on: `&mut *reader` and `&mut *tx` are both `&mut Conn`, and
/// `&mut Conn` is an [`Executor`] of [`Any`]. Functions that only need to run
/// SQL take `&mut Conn`.
pub struct Conn {
    /// Present until the drop.
    session: Option<Pooled>,
    guard: Guard,
    shared: Arc<Shared>,
    in_tx: bool,
    announced: bool,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

/// A connection for reading, outside any transaction. Given back on drop.
#[derive(Debug)]
pub struct Reader(Conn);

/// A write transaction. Rolled back on drop unless committed.
#[derive(Debug)]
pub struct Tx(Conn);

/// How far a transaction is shielded from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// PostgreSQL's default; on SQLite writers never overlap anyway.
    #[default]
    ReadCommitted,
    /// Reads see one snapshot; conflicting writes fail and are retried by
    /// [`crate::Store::transaction_with`].
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl Isolation {
    fn begin(self, dialect: Dialect) -> Option<SqlStr> {
        Some(SqlStr::from_static(match (dialect, self) {
            (Dialect::Sqlite, _) => "BEGIN IMMEDIATE",
            (Dialect::Postgres, Self::ReadCommitted) => return None,
            (Dialect::Postgres, Self::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            (Dialect::Postgres, Self::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }))
    }
}

impl Conn {
    fn new(session: Pooled, shared: Arc<Shared>) -> Self {
        let guard = Guard::new(session.session.interrupt.clone(), Arc::clone(&shared));
        Self {
            session: Some(session),
            guard,
            shared,
            in_tx: false,
            announced: false,
            after_commit: Vec::new(),
        }
    }

    /// Which engine the connection speaks to, for the few statements that
    /// cannot be portable.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.shared.dialect
    }

    /// The wall clock of the store, Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Runs `hook` once the transaction is durable, and never when it is rolled
    /// back: for waking a worker that looks for what was written. It must not
    /// block, and nothing may depend on it: a crash comes before it at times.
    pub fn on_commit(&mut self, hook: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(hook));
    }

    fn parts(&mut self) -> sqlx::Result<(&mut crate::session::Session, &mut Guard)> {
        let pooled = self.session.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        Ok((&mut pooled.session, &mut self.guard))
    }

    async fn begin(&mut self, isolation: Isolation) -> Result<()> {
        let statement = isolation.begin(self.dialect());
        // From here on a drop has to roll back, even one in the middle of this.
        self.in_tx = true;
        let (session, guard) = self.parts().db()?;
        let begun = session.backend().begin(statement).into_stream().boxed();
        let mut statement = Statement::new(begun, guard, "BEGIN");
        statement.try_next().await.db()?;
        statement.finish();
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        let (session, guard) = self.parts().db()?;
        guard.check_commit().db()?;
        let span = guard.span("COMMIT");
        let commit = tracing::Instrument::instrument(session.backend().commit(), span);
        match tokio::time::timeout(COMMIT_TIMEOUT, commit).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.guard.note(&error);
                return Err(error).db();
            }
            Err(_) => {
                return Err(Error::new(
                    CommonCode::Unavailable,
                    "The database did not confirm the change in time.",
                ));
            }
        }
        self.in_tx = false;
        if self.announced {
            self.shared.announce();
        }
        for hook in self.after_commit.drain(..) {
            hook();
        }
        Ok(())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let interrupted = self.guard.interrupt_if_running();
        if self.guard.broken() {
            session.close_all();
        } else if interrupted || self.in_tx {
            self.shared.janitor.clean(Soiled {
                session,
                interrupted,
                in_tx: self.in_tx,
            });
        }
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn")
            .field("in_tx", &self.in_tx)
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(session: Pooled, shared: Arc<Shared>) -> Self {
        Self(Conn::new(session, shared))
    }
}

impl Tx {
    pub(crate) async fn begin(
        session: Pooled,
        shared: Arc<Shared>,
        isolation: Isolation,
    ) -> Result<Self> {
        let mut conn = Conn::new(session, shared);
        conn.begin(isolation).await?;
        Ok(Self(conn))
    }

    /// Makes the changes durable and wakes the relay when events were recorded.
    /// A transaction in which a statement failed cannot be committed.
    ///
    /// # Errors
    /// Conflicts that show at the end (serialization, deferred constraints), or
    /// [`CommonCode::Unavailable`] when the outcome is unknown.
    pub async fn commit(mut self) -> Result<()> {
        self.0.commit().await
    }

    /// Notes that an event was recorded, so that the commit wakes the relay.
    pub(crate) fn announce_on_commit(&mut self) {
        self.0.announced = true;
    }
}

impl Deref for Reader {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

impl<'c> Executor<'c> for &'c mut Conn {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        mut query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let start = move || {
            let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
            let persistent = query.persistent();
            let sql = query.sql();
            let (session, guard) = self.parts()?;
            let rows = session
                .backend()
                .fetch_many(sql.clone(), persistent, arguments);
            Ok(Statement::new(rows, guard, sql.as_str()))
        };
        match start() {
            Ok(statement) => statement.boxed(),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        mut query: E,
    ) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move {
            let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
            let persistent = query.persistent();
            let sql = query.sql();
            let (session, guard) = self.parts()?;
            let row = session
                .backend()
                .fetch_optional(sql.clone(), persistent, arguments);
            let mut statement = Statement::new(row.into_stream().boxed(), guard, sql.as_str());
            let row = statement.try_next().await?.flatten();
            statement.finish();
            Ok(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            self.parts()?
                .0
                .backend()
                .prepare_with(sql, parameters)
                .await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.parts()?.0.backend().describe(sql).await })
    }
}

/// The end of the running request as an error to put into a statement's stream.
pub(crate) fn end_of_request() -> BoxFuture<'static, Error> {
    let context = Context::current();
    Box::pin(async move {
        match context.stop_or(std::future::pending::<()>()).await {
            Err(error) => error,
            Ok(()) => std::future::pending().await,
        }
    })
}
