//! A bounded pool of sessions, and what becomes of a session that is given back.
//!
//! `deadpool` rather than sqlx's own pool, because a slot has to carry more than
//! the connection (see [`crate::session`]), and because a connection whose
//! statement was dropped must be cleaned up before anyone else may have it.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use shoal_telemetry::metrics::{InUse, Saturation};

use crate::error::unavailable;
use crate::session::{Opener, Session};

/// A connection idle for longer than this is tried before it is handed out.
const TRUST_IDLE: Duration = Duration::from_secs(10);

/// Bound on opening or trying a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A session out of the pool, counted as in use.
pub(crate) struct Pooled {
    pub(crate) session: Object<Connector>,
    _counted: InUse,
}

impl Pooled {
    /// Takes the session out of the pool and drops it.
    pub(crate) fn close_hard(self) {
        drop(Object::take(self.session));
    }

    /// Also drops the idle ones: what broke this session, such as a restart of
    /// the server, broke them too.
    pub(crate) fn close_all(self) {
        if let Some(pool) = Object::pool(&self.session) {
            pool.retain(|_, _| false);
        }
        self.close_hard();
    }
}

/// Opens and tries sessions for the pool.
#[derive(Debug)]
pub(crate) struct Connector {
    opener: Opener,
    max_lifetime: Duration,
    place: String,
}

impl Manager for Connector {
    type Type = Session;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<Session> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.opener.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    async fn recycle(&self, session: &mut Session, seen: &Metrics) -> RecycleResult<sqlx::Error> {
        if seen.age() > self.max_lifetime {
            return Err(RecycleError::message("too old"));
        }
        if seen.last_used() < TRUST_IDLE {
            return Ok(());
        }
        match tokio::time::timeout(CONNECT_TIMEOUT, session.backend().ping()).await {
            Ok(tried) => tried.map_err(RecycleError::Backend),
            Err(_) => Err(RecycleError::message("no answer to a ping")),
        }
    }
}

/// A pool with its waiting rules.
#[derive(Clone, Debug)]
pub(crate) struct SessionPool {
    inner: Pool<Connector>,
    acquire_timeout: Duration,
    saturation: Saturation,
}

impl SessionPool {
    pub(crate) fn new(
        opener: Opener,
        size: usize,
        acquire_timeout: Duration,
        max_lifetime: Duration,
        place: String,
        saturation: Saturation,
    ) -> Result<Self> {
        let inner = Pool::builder(Connector {
            opener,
            max_lifetime,
            place,
        })
        .max_size(size.max(1))
        .build()
        .map_err(Error::internal)?;
        Ok(Self {
            inner,
            acquire_timeout,
            saturation,
        })
    }

    /// A session, waited for no longer than the pool's limit and the request's
    /// deadline allow. Waiters are served in the order in which they came.
    pub(crate) async fn get(&self) -> Result<Pooled> {
        let context = Context::current();
        context.check()?;
        let waiting = self.saturation.wait();
        let wait = tokio::time::timeout(self.acquire_timeout, self.inner.get());
        let got = context.stop_or(wait).await?;
        drop(waiting);
        match got {
            Ok(Ok(session)) => Ok(Pooled {
                session,
                _counted: self.saturation.enter(),
            }),
            Ok(Err(PoolError::Backend(error))) => {
                Err(unavailable(&self.inner.manager().place, error))
            }
            Ok(Err(error)) => Err(
                Error::new(CommonCode::Unavailable, "The database is closed.").with_source(error),
            ),
            Err(_) => {
                self.saturation.reject();
                Err(
                    Error::new(CommonCode::Overloaded, "All database connections are busy.")
                        .with_retry_after(Duration::from_secs(1)),
                )
            }
        }
    }

    /// Refuses further callers and closes what is idle.
    pub(crate) fn close(&self) {
        self.inner.close();
    }
}
