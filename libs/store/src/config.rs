//! Settings of a service's database.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which engine a store speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded default.
    Sqlite,
    /// Production.
    Postgres,
}

impl Dialect {
    /// Name as OpenTelemetry's `db.system.name` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// Where the database is and how much of it a process may use.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:<path>` or `postgres://user:password@host/database`. A SQLite
    /// path that ends in `.db` is the file; any other is a folder in which each
    /// service keeps `<service>.db`. On PostgreSQL each service owns the schema
    /// of its name.
    pub url: String,
    /// Connections that one process may hold at most (on SQLite: readers; there
    /// is one writer besides).
    pub max_connections: usize,
    /// How long a caller waits for a connection before it is refused, ms.
    pub acquire_timeout_ms: u64,
    /// How long one statement may run, ms. A request's own deadline ends it
    /// sooner.
    pub statement_timeout_ms: u64,
    /// Age at which a connection is replaced, ms.
    pub max_lifetime_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:.shoal/data".into(),
            max_connections: 16,
            acquire_timeout_ms: 5_000,
            statement_timeout_ms: 30_000,
            max_lifetime_ms: 30 * 60 * 1_000,
        }
    }
}

impl DatabaseConfig {
    /// Default limits for the database at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    pub(crate) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(crate) fn max_lifetime(&self) -> Duration {
        Duration::from_millis(self.max_lifetime_ms)
    }

    /// The URL without user and password, for messages and logs.
    #[must_use]
    pub fn display_url(&self) -> String {
        match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => {
                let place = place.split('?').next().unwrap_or(place);
                format!("{scheme}://{place}")
            }
            _ => self.url.split('?').next().unwrap_or_default().to_owned(),
        }
    }

    /// The SQLite file of `service`, or `None` when the URL is not SQLite's.
    pub(crate) fn sqlite_path(&self, service: &str) -> Option<PathBuf> {
        let rest = self.url.strip_prefix("sqlite:")?;
        let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
        let is_file = path.extension().is_some_and(|e| e == "db");
        Some(if is_file {
            path
        } else {
            path.join(format!("{service}.db"))
        })
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.display_url())
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .field("statement_timeout_ms", &self.statement_timeout_ms)
            .field("max_lifetime_ms", &self.max_lifetime_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let config = DatabaseConfig::at("postgres://bob:s3cr@t@db:5432/shop?sslmode=require");
        assert_eq!(config.display_url(), "postgres://db:5432/shop");
        assert!(!format!("{config:?}").contains("s3cr"));
    }

    #[test]
    fn a_password_in_a_parameter_is_never_shown() {
        let config = DatabaseConfig::at("postgres:///shop?host=/run/pg&password=s3cret");
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn a_sqlite_folder_gets_one_file_per_service() {
        let path = DatabaseConfig::at("sqlite:/var/shoal").sqlite_path("order");
        assert_eq!(path, Some("/var/shoal/order.db".into()));
        let path = DatabaseConfig::at("sqlite://x/one.db").sqlite_path("order");
        assert_eq!(path, Some("x/one.db".into()));
        assert_eq!(
            DatabaseConfig::at("postgres://h/d").sqlite_path("order"),
            None
        );
    }
}
