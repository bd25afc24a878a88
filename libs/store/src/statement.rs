//! One running statement: its span, its metrics, and its end when the request
//! that wants it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, Stream, StreamExt as _};
use shoal_error::{CommonCode, Error};
use shoal_telemetry::metrics::dependency::Outcome;
use tokio::time::Instant;
use tracing::Span;

use crate::conn::end_of_request;
use crate::error::breaks_connection;
use crate::session::Interrupt;
use crate::shared::Shared;
use crate::summary::Summary;

tokio::task_local! {
    static QUIET: bool;
}

/// Runs background work whose statements are no part of any request, such as
/// polling: they get no spans, which would only push requests out of the trace
/// store. Metrics still count them.
pub fn quietly<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    QUIET.scope(true, work)
}

/// Gives the statements of a piece of work their spans again, inside of
/// [`quietly`].
pub fn loudly<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    QUIET.scope(false, work)
}

fn quiet() -> bool {
    QUIET.try_with(|quiet| *quiet).unwrap_or(false)
}

/// Knows whether a statement is running on a connection and how to end it.
pub(crate) struct Guard {
    interrupt: Interrupt,
    shared: Arc<Shared>,
    running: bool,
    interrupted: bool,
    broken: bool,
    failed: bool,
}

impl Guard {
    pub(crate) fn new(interrupt: Interrupt, shared: Arc<Shared>) -> Self {
        Self {
            interrupt,
            shared,
            running: false,
            interrupted: false,
            broken: false,
            failed: false,
        }
    }

    /// Refuses further statements on a connection whose last one was ended:
    /// its transaction is void.
    pub(crate) fn check(&self) -> sqlx::Result<()> {
        if self.interrupted {
            Err(ended(Error::new(
                CommonCode::Cancelled,
                "The transaction was ended.",
            )))
        } else {
            Ok(())
        }
    }

    /// Refuses to commit after a failed statement. PostgreSQL would answer such
    /// a `COMMIT` with a silent rollback, SQLite would keep the rest.
    pub(crate) fn check_commit(&self) -> sqlx::Result<()> {
        self.check()?;
        if self.failed {
            let why = "A statement of the transaction failed, so nothing of it was kept.";
            return Err(ended(Error::internal(why)));
        }
        Ok(())
    }

    /// A span for a statement, after OpenTelemetry's conventions for databases.
    /// Parameters are never recorded.
    pub(crate) fn span(&self, sql: &str) -> Span {
        if quiet() {
            return Span::none();
        }
        let summary = Summary::of(sql);
        tracing::info_span!(
            target: "shoal_store::sql",
            "sql",
            otel.name = %summary,
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            db.system.name = self.shared.dialect.as_str(),
            db.namespace = %self.shared.service,
            db.operation.name = summary.operation(),
            db.query.text = sql,
            db.response.returned_rows = tracing::field::Empty,
            error.type = tracing::field::Empty,
        )
    }

    /// Whether the connection itself failed and must not be used again.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Takes note of an error that a statement or a commit met.
    pub(crate) fn note(&mut self, error: &sqlx::Error) {
        self.broken |= breaks_connection(error);
        self.failed |= matches!(error, sqlx::Error::Database(_));
    }

    /// Ends the statement that runs, if one does; true when the connection has
    /// to be cleaned up.
    pub(crate) fn interrupt_if_running(&mut self) -> bool {
        if self.running && !self.interrupted {
            self.interrupted = true;
            self.shared.janitor.interrupt(&self.interrupt);
        }
        self.interrupted
    }
}

/// A stream of a statement's results that ends with the request.
pub(crate) struct Statement<'c, T> {
    inner: BoxStream<'c, sqlx::Result<T>>,
    guard: &'c mut Guard,
    request_ends: BoxFuture<'static, Error>,
    span: Span,
    started: Option<Instant>,
    rows: u64,
    operation: &'static str,
    outcome: Outcome,
}

impl<'c, T> Statement<'c, T> {
    pub(crate) fn new(
        inner: BoxStream<'c, sqlx::Result<T>>,
        guard: &'c mut Guard,
        sql: &str,
    ) -> Self {
        let span = guard.span(sql);
        Self {
            inner,
            guard,
            request_ends: end_of_request(),
            span,
            started: None,
            rows: 0,
            operation: Summary::of(sql).operation(),
            outcome: Outcome::Cancelled,
        }
    }

    /// Calls the statement done although the stream was not read to its end.
    pub(crate) fn finish(&mut self) {
        self.guard.running = false;
        self.outcome = Outcome::Ok;
    }

    fn fail(&mut self, error: sqlx::Error) -> sqlx::Error {
        self.guard.running = false;
        self.outcome = Outcome::Error;
        self.guard.note(&error);
        self.span.record("otel.status_code", "ERROR");
        match error {
            sqlx::Error::Database(error) => {
                if let Some(code) = error.code() {
                    self.span.record("error.type", code.as_ref());
                }
                sqlx::Error::Database(self.guard.shared.name_constraint(error))
            }
            other => other,
        }
    }
}

impl<T> Stream for Statement<'_, T> {
    type Item = sqlx::Result<T>;

    fn poll_next(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let span = this.span.clone();
        let _entered = span.enter();
        if this.started.is_none() {
            if let Err(error) = this.guard.check() {
                return Poll::Ready(Some(Err(error)));
            }
            // A request that is over already starts nothing.
            if let Poll::Ready(error) = this.request_ends.poll_unpin(poller) {
                return Poll::Ready(Some(Err(ended(error))));
            }
            this.started = Some(Instant::now());
            this.guard.running = true;
        }
        match this.inner.poll_next_unpin(poller) {
            Poll::Ready(Some(Ok(item))) => {
                this.rows += 1;
                Poll::Ready(Some(Ok(item)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.fail(error)))),
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Pending => match this.request_ends.poll_unpin(poller) {
                Poll::Ready(error) => {
                    this.guard.interrupt_if_running();
                    this.span.record("otel.status_code", "ERROR");
                    this.span.record("error.type", error.code());
                    Poll::Ready(Some(Err(ended(error))))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Statement<'_, T> {
    fn drop(&mut self) {
        self.span.record("db.response.returned_rows", self.rows);
        if let Some(started) = self.started {
            let metrics = &self.guard.shared.metrics;
            metrics.statement(self.operation, self.outcome, started.elapsed());
        }
    }
}

/// Carries our error through sqlx's, see [`crate::error`].
fn ended(error: Error) -> sqlx::Error {
    sqlx::Error::AnyDriverError(Box::new(error))
}
