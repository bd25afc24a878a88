//! A real PostgreSQL on a free port, as a user that is not root.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::program::Program;
use crate::server::program;

/// What makes a server fast that need not survive a power cut. Commits are still
/// handed to the operating system, so a crash of the server loses none.
const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=64MB",
    "autovacuum=off",
    "log_min_messages=warning",
];

/// A PostgreSQL server. PostgreSQL refuses to run as root, so as root it gets a
/// user namespace in which it is someone else.
pub struct Postgres {
    program: Mutex<Program>,
}

impl Postgres {
    /// The one server of this test process, started when first asked for. It
    /// ends with the process; its folder is kept when a test failed.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of its own, for tests that stop it.
    #[must_use]
    pub fn start() -> Self {
        let server = Self {
            program: Mutex::new(Program::new("postgres")),
        };
        server.initialise();
        for _ in 0..5 {
            if server.try_start() {
                return server;
            }
            server.program().another_port();
        }
        let log = server.program().log();
        panic!("postgres does not start; its log:\n{log}");
    }

    /// URL of a database on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let addr = self.program().addr();
        format!("postgres://postgres@{addr}/{database}")
    }

    /// Makes a database as a copy of another (`template1` is empty).
    pub async fn create_database(&self, name: &str, template: &str) {
        let sql = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\" STRATEGY file_copy");
        self.admin(&sql).await;
    }

    /// Removes a database, ending whoever is connected to it.
    pub async fn drop_database(&self, name: &str) {
        self.admin(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"))
            .await;
    }

    /// Ends the server as a crash would.
    pub fn stop(&self) {
        self.program().end("QUIT");
    }

    /// Starts a stopped server again, on the same port and data.
    pub fn restart(&self) {
        self.stop();
        let up = self.try_start();
        let log = self.program().log();
        assert!(up, "postgres does not start; its log:\n{log}");
    }

    pub(crate) fn keep(&self) {
        self.program().keep();
    }

    fn program(&self) -> MutexGuard<'_, Program> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn admin(&self, sql: &str) {
        let outcome = async {
            let mut connection = PgConnection::connect(&self.url("postgres")).await?;
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await?;
            connection.close().await
        };
        outcome
            .await
            .unwrap_or_else(|e: sqlx::Error| panic!("{sql}: {e}"));
    }

    fn initialise(&self) {
        let data = self.program().dir().join("data");
        let output = as_someone_else("initdb")
            .arg("-D")
            .arg(data)
            .args([
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ])
            .stdin(Stdio::null())
            .output()
            .expect("initdb runs");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb failed: {why}");
    }

    fn try_start(&self) -> bool {
        let mut program = self.program();
        let mut command = as_someone_else("postgres");
        command.arg("-D").arg(program.dir().join("data"));
        command.arg("-p").arg(program.addr().port().to_string());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        program.start(&mut command);
        program.answers() && accepts(program.addr().port())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of the program itself would leave its backends behind.
        self.stop();
    }
}

/// The port is open before the server has recovered.
fn accepts(port: u16) -> bool {
    let mut ready = Command::new(program("pg_isready", &folders(), "postgresql"));
    ready
        .args(["-q", "-h", "127.0.0.1", "-t", "5", "-p"])
        .arg(port.to_string());
    (0..500).any(|_| {
        let up = ready.status().is_ok_and(|status| status.success());
        if !up {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        up
    })
}

/// `nobody`: the one other user that every machine has a name for, which initdb asks for.
const SOMEONE_ELSE: u32 = 65_534;

/// A command of PostgreSQL's, as root in a user namespace.
fn as_someone_else(name: &str) -> Command {
    let wanted = program(name, &folders(), "postgresql");
    if !is_root() {
        return Command::new(wanted);
    }
    let mut command = Command::new(program("unshare", &[], "util-linux"));
    command
        .arg("--user")
        .arg(format!("--map-user={SOMEONE_ELSE}"))
        .arg(format!("--map-group={SOMEONE_ELSE}"))
        .arg(wanted);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Debian keeps servers out of the PATH; newest first.
fn folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
    let version =
        |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders
}
