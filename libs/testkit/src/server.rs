//! A server program of a test: its folder, its port, and its certain end.
//!
//! The end must be certain even when the test process is killed. A shell waits
//! on a pipe that only the test process holds open; when it closes, for whatever
//! reason, the shell ends the server and removes its folder.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a server may take to answer first.
const START: Duration = Duration::from_secs(30);

/// Reads the server's process id at the end, because restarts change it.
const WATCHDOG: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$0/server.pid" 2>/dev/null)
if [ -n "$pid" ] && kill -INT "$pid" 2>/dev/null; then
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
[ -e "$0/keep" ] || rm -rf "$0"
"#;

/// A folder and a port for one server, and whoever cleans up after it.
pub(crate) struct Place {
    dir: PathBuf,
    port: u16,
    /// Acts when its standard input closes.
    watchdog: Child,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        // Bazel's own folder when there is one.
        let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = TempDir::with_prefix_in(format!("shoal-{name}-"), base)
            .expect("a folder for a test server")
            .keep();
        let watchdog = Command::new("sh")
            .arg("-c")
            .arg(WATCHDOG)
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C must not end the watchdog before its work.
            .process_group(0)
            .spawn()
            .expect("a shell to clean up after a test server");
        Self {
            dir,
            port: free_port(),
            watchdog,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// For when someone else took the port before the server did.
    pub(crate) fn another_port(&mut self) {
        self.port = free_port();
    }

    /// Leaves the folder behind for a person to look at.
    pub(crate) fn keep(&self) {
        let _ = fs::write(
            self.dir.join("keep"),
            "a test that used this server failed\n",
        );
    }

    /// Starts the server; its output goes to `log` in the folder.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))
            .expect("a log for a test server");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log for a test server"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{:?} cannot be started: {e}", command.get_program()));
        fs::write(self.dir.join("server.pid"), format!("{}\n", child.id()))
            .expect("a file for the server's process id");
        child
    }

    /// Waits until the server takes connections; false when it ended instead.
    #[expect(clippy::disallowed_methods, reason = "tokio's clock may be paused")]
    pub(crate) fn answers(&self, child: &mut Child) -> bool {
        let start = std::time::Instant::now();
        while start.elapsed() < START {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if child.try_wait().ok().flatten().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "a test server did not answer within {START:?}; its log:\n{}",
            self.log()
        );
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Sends a signal, and waits for the end.
pub(crate) fn signal(child: &mut Child, signal: &str) {
    send_signal(child, signal);
    let _ = child.wait();
}

/// Sends a signal.
pub(crate) fn send_signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let _ = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\"", signal, &pid])
        .status();
}

/// The program `name`, from `folders` first.
pub(crate) fn program(name: &str, folders: &[PathBuf], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = folders.iter().cloned().chain(std::env::split_paths(&path));
    let found = found
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("This test needs {name}, which is not installed: apt-get install {package}")
    })
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a free port").port()
}
