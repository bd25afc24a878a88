//! From a database's failure to the platform's error.

use std::time::Duration;

use shoal_error::{CommonCode, Error, Result};
use sqlx::error::{DatabaseError, ErrorKind};

/// A failed query whose constraints may have been given a meaning by
/// [`SqlResultExt::on_constraint`].
#[derive(Debug)]
pub enum DbError {
    /// Not looked at yet.
    Sqlx(sqlx::Error),
    /// A violated constraint that the caller has a code for.
    Mapped(Error),
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Mapped(error) => error,
            DbError::Sqlx(error) => from_sqlx(error),
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

/// Turns results of sqlx into results of the platform.
pub trait SqlResultExt<T> {
    /// Gives the violation of the constraint `name` a meaning, beside the query
    /// that can violate it. The same names work on both engines: a unique
    /// constraint, index, check, foreign key or trigger by the name it was
    /// declared with, and `<table>_pkey` for an unnamed primary key.
    ///
    /// SQLite does not tell which foreign key was violated; there, any name
    /// declared as a foreign key matches any violation of one.
    ///
    /// # Errors
    /// What failed, mapped or not.
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, DbError>;

    /// The platform's error for whatever failed. A row that is not there is
    /// [`CommonCode::NotFound`]; a violated constraint without a meaning is
    /// [`CommonCode::Conflict`] when it is about uniqueness, else internal.
    ///
    /// # Errors
    /// What failed.
    fn db(self) -> Result<T>;
}

impl<T, E: Into<DbError>> SqlResultExt<T> for std::result::Result<T, E> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, DbError> {
        self.map_err(|error| match error.into() {
            DbError::Sqlx(sqlx::Error::Database(e)) if violates(&*e, name) => {
                DbError::Mapped(meaning().with_source(sqlx::Error::Database(e)))
            }
            other => other,
        })
    }

    fn db(self) -> Result<T> {
        self.map_err(|error| error.into().into())
    }
}

fn violates(error: &dyn DatabaseError, name: &str) -> bool {
    error
        .constraint()
        .is_some_and(|names| names.split('|').any(|n| n == name))
}

/// The error for a database that does not answer, in one sentence and without
/// its password.
pub(crate) fn unavailable(place: &str, error: sqlx::Error) -> Error {
    let why = match &error {
        sqlx::Error::Io(e) => e.to_string(),
        sqlx::Error::Database(e) => e.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no answer in time".to_owned(),
        other => other.to_string(),
    };
    Error::new(CommonCode::Unavailable, "The database cannot be reached.")
        .with_internal(format!("{place}: {why}"))
        .with_retry_after(Duration::from_secs(1))
        .with_source(error)
}

/// Whether the same transaction may go through when run again.
#[must_use]
pub fn is_conflict(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(sqlx::Error::Database(e)) = cause.downcast_ref::<sqlx::Error>() {
            return Failure::of(&**e) == Failure::Contention;
        }
        next = cause.source();
    }
    false
}

/// Whether others were in the way.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if Failure::of(&**e) == Failure::Contention)
}

/// Whether the connection that met the error is of no more use.
pub(crate) fn breaks_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(e) => Failure::of(&**e) == Failure::Down,
        _ => false,
    }
}

/// What a database error means, on either engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Unique,
    Contention,
    TimedOut,
    Cancelled,
    Down,
    Full,
    Bug,
}

impl Failure {
    fn of(error: &dyn DatabaseError) -> Self {
        if error.kind() == ErrorKind::UniqueViolation {
            return Self::Unique;
        }
        let code = error.code().unwrap_or_default();
        match &*code {
            // serialization_failure, deadlock_detected, lock_not_available
            "40001" | "40P01" | "55P03" => Self::Contention,
            "57014" if error.message().contains("statement timeout") => Self::TimedOut,
            "57014" => Self::Cancelled,
            // shutdown, crash, starting up, too many connections
            "57P01" | "57P02" | "57P03" | "53300" => Self::Down,
            "53100" | "53200" => Self::Full,
            c if c.len() == 5 && c.starts_with("08") => Self::Down,
            c if c.len() == 5 => Self::Bug,
            c => Self::of_sqlite(c.parse().unwrap_or(0)),
        }
    }

    fn of_sqlite(code: i32) -> Self {
        // The low byte is the primary code: BUSY, LOCKED, INTERRUPT, FULL,
        // CANTOPEN, IOERR.
        match code & 0xff {
            5 | 6 => Self::Contention,
            9 => Self::Cancelled,
            13 => Self::Full,
            10 | 14 => Self::Down,
            _ => Self::Bug,
        }
    }
}

fn from_sqlx(error: sqlx::Error) -> Error {
    let soon = Duration::from_secs(1);
    match error {
        sqlx::Error::AnyDriverError(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::internal(other),
        },
        sqlx::Error::RowNotFound => Error::new(CommonCode::NotFound, "There is no such record."),
        sqlx::Error::Database(ref e) => match Failure::of(&**e) {
            Failure::Unique => Error::new(CommonCode::Conflict, "There is one like this already.")
                .with_internal(describe(&**e)),
            Failure::Contention => Error::new(
                CommonCode::Unavailable,
                "Others were changing the same records; please try again.",
            )
            .with_retry_after(soon),
            Failure::TimedOut => {
                Error::new(CommonCode::DeadlineExceeded, "The database took too long.")
            }
            Failure::Cancelled => Error::new(CommonCode::Cancelled, "The statement was ended."),
            Failure::Down => Error::new(CommonCode::Unavailable, "The database cannot be reached.")
                .with_retry_after(soon),
            Failure::Full => Error::new(CommonCode::Unavailable, "The database has no room left."),
            Failure::Bug => Error::internal(error.to_string()).with_internal(describe(&**e)),
        }
        .with_source(error),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => {
            Error::new(CommonCode::Unavailable, "The database cannot be reached.")
                .with_retry_after(soon)
                .with_source(error)
        }
        other => Error::internal(other),
    }
}

fn describe(error: &dyn DatabaseError) -> String {
    format!(
        "database error {}, constraint {}",
        error.code().unwrap_or_default(),
        error.constraint().unwrap_or("none")
    )
}
