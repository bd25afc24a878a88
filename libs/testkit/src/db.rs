//! A database of one test, on either engine.

use std::sync::atomic::{AtomicU32, Ordering};

use shoal_store::{DatabaseConfig, Dialect, Migrations, Store};
use shoal_task::SharedClock;
use tempfile::TempDir;

use crate::postgres::Postgres;

/// An empty database that nobody else uses. Removed at the end of a test that
/// succeeds; kept, and its place printed, when the test panics.
///
/// ```no_run
/// # async fn test() {
/// for db in shoal_testkit::TestDb::all().await {
///     let store = db.store("order", shoal_store::Migrations::none()).await;
/// }
/// # }
/// ```
pub struct TestDb {
    config: DatabaseConfig,
    kind: Kind,
}

enum Kind {
    Sqlite(Option<TempDir>),
    Postgres { name: String },
}

impl TestDb {
    /// One database per engine, so that the same test runs on both.
    pub async fn all() -> [Self; 2] {
        [Self::sqlite(), Self::postgres().await]
    }

    /// A SQLite file for each service, in a folder of its own.
    #[must_use]
    pub fn sqlite() -> Self {
        let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
        let folder = TempDir::with_prefix_in("shoal-db-", base).expect("a folder for a database");
        let config = DatabaseConfig::at(format!("sqlite:{}", folder.path().display()));
        Self {
            config,
            kind: Kind::Sqlite(Some(folder)),
        }
    }

    /// A database on the shared PostgreSQL server.
    #[expect(clippy::disallowed_methods, reason = "runs once; a test has no pool")]
    pub async fn postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = tokio::task::spawn_blocking(Postgres::shared)
            .await
            .expect("a server");
        server.create_database(&name, "template1").await;
        let config = DatabaseConfig::at(server.url(&name));
        Self {
            config,
            kind: Kind::Postgres { name },
        }
    }

    /// Settings that lead to the database.
    #[must_use]
    pub fn config(&self) -> DatabaseConfig {
        self.config.clone()
    }

    /// URL of the database, as `--database-url` takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.config.url
    }

    /// Which engine it is on.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// The store of a service on this database, migrated.
    pub async fn store(&self, service: &str, migrations: Migrations) -> Store {
        self.store_with_clock(service, migrations, shoal_task::system_clock())
            .await
    }

    /// Like [`TestDb::store`] with a clock of the test's.
    pub async fn store_with_clock(
        &self,
        service: &str,
        migrations: Migrations,
        clock: SharedClock,
    ) -> Store {
        let store = Store::open_with_clock(service, &self.config, clock).await;
        let store = store.expect("a store on a test database");
        store
            .migrate(migrations)
            .await
            .expect("migrations of a test database");
        store
    }
}

impl From<&TestDb> for DatabaseConfig {
    fn from(db: &TestDb) -> Self {
        db.config()
    }
}

impl std::fmt::Display for TestDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.dialect().as_str())
    }
}

impl Drop for TestDb {
    #[expect(clippy::print_stderr, reason = "tells a person where to look")]
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        match &mut self.kind {
            Kind::Sqlite(folder) => {
                if failed && let Some(folder) = folder.take() {
                    eprintln!(
                        "the test's SQLite files are kept in {}",
                        folder.keep().display()
                    );
                }
            }
            Kind::Postgres { name } => {
                if failed {
                    Postgres::shared().keep();
                    eprintln!("the test's database {name} is kept: {}", self.config.url);
                } else {
                    drop_in_background(std::mem::take(name));
                }
            }
        }
    }
}

/// A drop cannot wait, and the test's runtime may end before it is done.
fn drop_in_background(name: String) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            runtime.block_on(Postgres::shared().drop_database(&name));
        }
    });
}
