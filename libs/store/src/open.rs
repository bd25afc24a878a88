//! Where a store is, and what is done there before the pool opens.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use shoal_error::{CommonCode, Error, Result};
use sqlx::migrate::Migrate;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::time::Instant;

use crate::config::{DatabaseConfig, Dialect};
use crate::conn::Conn;
use crate::constraints::Constraints;
use crate::error::{SqlResultExt as _, is_contention, unavailable};
use crate::migrate::{Migrations, failed};
use crate::session::Opener;
use crate::store::check_service;

/// Key of the advisory lock under which schemas are made and migrated.
const MIGRATION_LOCK: i64 = 0x53_68_6f_61_6c;

/// How long to wait for a SQLite file that others are just setting up.
const FILE_PATIENCE: Duration = Duration::from_secs(5);

/// A checked place of a database.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    place: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Sqlite(PathBuf),
    Postgres {
        options: Box<PgConnectOptions>,
        schema: String,
    },
}

impl Target {
    pub(crate) fn parse(service: &str, config: &DatabaseConfig) -> Result<Self> {
        check_service(service)?;
        let place = config.display_url();
        if let Some(path) = config.sqlite_path(service) {
            let rest = config.url.trim_start_matches("sqlite:").trim_matches('/');
            if rest.is_empty() || rest.contains(":memory:") {
                return Err(bad_url("a SQLite database is a file or folder"));
            }
            return Ok(Self {
                place: format!("sqlite:{}", path.display()),
                kind: Kind::Sqlite(path),
            });
        }
        if !config.url.starts_with("postgres://") && !config.url.starts_with("postgresql://") {
            return Err(bad_url("it begins with neither sqlite: nor postgres://"));
        }
        let options = PgConnectOptions::from_str(&config.url)
            .map_err(|e| bad_url("its parts cannot be read").with_source(e))?
            .application_name(&format!("shoal-{service}"))
            .options([
                ("search_path", format!("\"{service}\"")),
                ("statement_timeout", config.statement_timeout_ms.to_string()),
            ])
            .disable_statement_logging();
        Ok(Self {
            place,
            kind: Kind::Postgres {
                options: Box::new(options),
                schema: service.to_owned(),
            },
        })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres { .. } => Dialect::Postgres,
        }
    }

    pub(crate) fn postgres(&self) -> Option<&PgConnectOptions> {
        match &self.kind {
            Kind::Sqlite(_) => None,
            Kind::Postgres { options, .. } => Some(options),
        }
    }

    pub(crate) fn opener(&self, writer: bool) -> Opener {
        match &self.kind {
            Kind::Sqlite(path) => Opener::sqlite(path, writer),
            Kind::Postgres { options, .. } => Opener::Postgres(options.as_ref().clone()),
        }
    }

    /// Makes the folder and file, or the schema.
    pub(crate) async fn prepare(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(path) => self.prepare_file(path).await,
            Kind::Postgres { options, schema } => {
                let mut connection = self.locked(options).await?;
                // The name was checked; it is quoted for words such as `order`.
                sqlx::query(AssertSqlSafe(format!(
                    "CREATE SCHEMA IF NOT EXISTS \"{schema}\""
                )))
                .execute(&mut connection)
                .await
                .map_err(|e| unavailable(&self.place, e))?;
                connection.close().await.db()
            }
        }
    }

    async fn prepare_file(&self, path: &Path) -> Result<()> {
        let refused = |e: std::io::Error| unavailable(&self.place, e.into());
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            tokio::fs::create_dir_all(folder).await.map_err(refused)?;
        }
        // The first connection turns WAL on; to others who do the same at that
        // moment the file is locked, whatever the busy timeout says.
        let start = Instant::now();
        loop {
            match self.opener(true).open().await {
                Ok(session) => return session.close().await.db(),
                Err(e) if is_contention(&e) && start.elapsed() < FILE_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(e) => return Err(unavailable(&self.place, e)),
            }
        }
    }

    /// A connection without a statement timeout that holds the migration lock
    /// until it is closed.
    async fn locked(&self, options: &PgConnectOptions) -> Result<PgConnection> {
        let lost = |e| unavailable(&self.place, e);
        let options = options.clone().options([("statement_timeout", "0")]);
        let mut connection = options.connect().await.map_err(lost)?;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .execute(&mut connection)
            .await
            .map_err(lost)?;
        Ok(connection)
    }

    /// Runs all sets on one connection that no one else can be migrating on.
    pub(crate) async fn migrate(&self, service: &str, migrations: Migrations) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(path) => {
                let mut connection = sqlite_options(path)
                    .connect()
                    .await
                    .map_err(|e| unavailable(&self.place, e))?;
                // One transaction around everything is the lock here.
                let mut all = connection.begin_with("BEGIN IMMEDIATE").await.db()?;
                self.run(service, migrations, &mut *all).await?;
                all.commit().await.db()?;
                connection.close().await.db()
            }
            Kind::Postgres { options, .. } => {
                let mut connection = self.locked(options).await?;
                self.run(service, migrations, &mut connection).await?;
                connection.close().await.db()
            }
        }
    }

    async fn run<C: Migrate>(
        &self,
        service: &str,
        migrations: Migrations,
        connection: &mut C,
    ) -> Result<()> {
        for set in migrations.into_sets() {
            let (name, mut migrator) = set.migrator(self.dialect());
            // The lock is ours already, and covers all sets.
            migrator.set_locking(false);
            migrator
                .run_direct(None, connection, false)
                .await
                .map_err(|e| failed(service, name, &self.place, e))?;
        }
        Ok(())
    }
}

fn sqlite_options(path: &Path) -> sqlx::sqlite::SqliteConnectOptions {
    match Opener::sqlite(path, true) {
        Opener::Sqlite(options) => options,
        Opener::Postgres(_) => sqlx::sqlite::SqliteConnectOptions::new().filename(path),
    }
}

fn bad_url(why: &str) -> Error {
    Error::new(
        CommonCode::InvalidField,
        format!(
            "The database URL cannot be used: {why}. \
             Write sqlite:<path> or postgres://user:password@host/database."
        ),
    )
}

/// Reads the names of all constraints from a SQLite schema.
pub(crate) async fn sqlite_constraints(conn: &mut Conn) -> Result<Constraints> {
    let tables =
        sqlx::query("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")
            .fetch_all(&mut *conn)
            .await
            .db()?;
    let columns = sqlx::query(
        "SELECT s.name AS idx, s.tbl_name AS tbl, i.name AS col \
         FROM sqlite_schema s, pragma_index_info(s.name) i \
         WHERE s.type = 'index' AND s.sql IS NOT NULL ORDER BY s.name, i.seqno",
    )
    .fetch_all(&mut *conn)
    .await
    .db()?;
    let mut indexes: Vec<(String, String, Vec<String>)> = Vec::new();
    for row in &columns {
        let (name, table): (String, String) = (row.get("idx"), row.get("tbl"));
        let column: String = row.try_get("col").unwrap_or_default();
        match indexes.last_mut() {
            Some((last, _, columns)) if *last == name => columns.push(column),
            _ => indexes.push((name, table, vec![column])),
        }
    }
    let tables: Vec<_> = tables
        .iter()
        .map(|row| (row.get("name"), row.get("sql")))
        .collect();
    Ok(Constraints::read(&tables, &indexes))
}
