//! Migrations: each crate numbers its own, each set has its own history table.

use std::borrow::Cow;

use shoal_error::{CommonCode, Error};
use sqlx::migrate::{MigrateError, Migrator};

/// A named set of migrations per engine, and the sets it comes with.
///
/// Sets do not share version numbers: a library numbers its files from 1, as a
/// service does. The history of set `order` is the table `_migrations_order`.
#[derive(Debug)]
pub struct Migrations {
    sets: Vec<MigrationSet>,
}

#[derive(Debug)]
pub(crate) struct MigrationSet {
    name: &'static str,
    sqlite: Migrator,
    postgres: Migrator,
}

/// The migrations of the calling crate, from its folders `migrations/sqlite` and
/// `migrations/postgres`, embedded in the program:
/// `shoal_store::migrations!("order")`. The name is that of the set.
#[macro_export]
macro_rules! migrations {
    ($name:literal) => {
        $crate::Migrations::new(
            $name,
            ::sqlx::migrate!("migrations/sqlite"),
            ::sqlx::migrate!("migrations/postgres"),
        )
    };
}

impl Migrations {
    /// A set called `name` (letters, digits, underscores).
    #[must_use]
    pub fn new(name: &'static str, sqlite: Migrator, postgres: Migrator) -> Self {
        Self {
            sets: vec![MigrationSet {
                name,
                sqlite,
                postgres,
            }],
        }
    }

    /// No migrations besides the platform's.
    #[must_use]
    pub fn none() -> Self {
        Self { sets: Vec::new() }
    }

    /// Adds the sets of `extra`, to be run before those already here: a service
    /// says `migrations!("order").with(shoal_saga::migrations())`.
    #[must_use]
    pub fn with(mut self, extra: Self) -> Self {
        self.sets.splice(0..0, extra.sets);
        self
    }

    pub(crate) fn into_sets(self) -> Vec<MigrationSet> {
        self.sets
    }
}

impl MigrationSet {
    /// The migrator for one engine, with the set's own history table.
    pub(crate) fn migrator(self, dialect: crate::Dialect) -> (&'static str, Migrator) {
        let mut migrator = match dialect {
            crate::Dialect::Sqlite => self.sqlite,
            crate::Dialect::Postgres => self.postgres,
        };
        migrator.table_name = Cow::Owned(format!("_migrations_{}", self.name));
        (self.name, migrator)
    }
}

/// One sentence about a migration that did not go through.
pub(crate) fn failed(service: &str, set: &str, place: &str, error: MigrateError) -> Error {
    let what = match &error {
        MigrateError::VersionMissing(v) => format!(
            "the database was changed by migration {v} of {set:?}, which this program does not \
             have: it is older than the database"
        ),
        MigrateError::VersionMismatch(v) => format!(
            "migration {v} of {set:?} was changed after it had been applied: restore its text \
             and add a new migration instead"
        ),
        MigrateError::ExecuteMigration(cause, v) => {
            format!(
                "migration {v} of {set:?} failed and was rolled back: {}",
                short(cause)
            )
        }
        MigrateError::Dirty(v) => format!("migration {v} of {set:?} was applied in part"),
        MigrateError::Execute(cause) => format!("migrations of {set:?} failed: {}", short(cause)),
        other => format!("migrations of {set:?} failed: {other}"),
    };
    Error::new(
        CommonCode::Internal,
        format!("The {service} database at {place}: {what}."),
    )
    .with_source(error)
}

fn short(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(e) => e.message().to_owned(),
        other => other.to_string(),
    }
}
