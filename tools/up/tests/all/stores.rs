//! Where the platform under test keeps its data and sends its events.

use std::path::Path;

use shoal_testkit::{Etcd, Redis, TestDb};
use shoal_up::Options;
use tempfile::TempDir;

/// Servers and folders of one platform; they end with it.
pub(crate) struct Stores {
    pub(crate) folder: TempDir,
    database: Option<TestDb>,
    redis: Option<Redis>,
    etcd: Option<Etcd>,
}

impl Stores {
    /// Files in a folder, events inside the process.
    pub(crate) fn embedded() -> Self {
        let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
        let folder = TempDir::with_prefix_in("shoal-up-", base).unwrap();
        Self {
            folder,
            database: None,
            redis: None,
            etcd: None,
        }
    }

    /// A PostgreSQL database and a Redis server.
    pub(crate) async fn servers() -> Self {
        let database = Some(TestDb::postgres().await);
        Self {
            database,
            redis: Some(Redis::start_durable()),
            ..Self::embedded()
        }
    }

    /// The same, and an etcd cluster in which the services find each other.
    pub(crate) async fn servers_and_registry() -> Self {
        Self {
            etcd: Some(Etcd::cluster(3).await),
            ..Self::servers().await
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Options of a platform on free ports.
    pub(crate) fn options(&self) -> Options {
        Options {
            port: 0,
            data_dir: self.folder().to_owned(),
            database_url: self.database.as_ref().map(|db| db.url().to_owned()),
            redis_url: self.redis.as_ref().map(Redis::url),
            etcd: self.etcd.as_ref().map(Etcd::endpoints).unwrap_or_default(),
            json: true,
            ..Options::default()
        }
    }

    /// The same as a command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--port=0".to_owned(),
            "--json".to_owned(),
            format!("--data-dir={}", self.folder().display()),
        ];
        arguments.extend(
            self.database
                .as_ref()
                .map(|db| format!("--database-url={}", db.url())),
        );
        arguments.extend(
            self.redis
                .as_ref()
                .map(|redis| format!("--redis-url={}", redis.url())),
        );
        arguments
    }
}
