//! A real Redis on a free port.

use std::process::{Child, Command};

use crate::server::{Place, program, signal};

/// A Redis server of one test. Ends with the value, or with the process.
pub struct Redis {
    place: Place,
    durable: bool,
    child: Option<Child>,
}

impl Redis {
    /// A server that keeps nothing over a restart, as after a lost machine.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// A server that writes every change to its file before it answers, as in
    /// production.
    #[must_use]
    pub fn start_durable() -> Self {
        Self::start_with(true)
    }

    fn start_with(durable: bool) -> Self {
        let mut redis = Self {
            place: Place::new("redis"),
            durable,
            child: None,
        };
        for _ in 0..5 {
            if redis.try_start() {
                return redis;
            }
            redis.place.another_port();
        }
        panic!(
            "redis-server does not start; its log:\n{}",
            redis.place.log()
        );
    }

    /// `redis://127.0.0.1:port/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.place.port())
    }

    /// Ends the server as its operator would.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Starts a stopped server again, on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(
            self.try_start(),
            "redis-server does not start; its log:\n{}",
            self.place.log()
        );
    }

    fn end(&mut self, how: &str) {
        if let Some(mut child) = self.child.take() {
            signal(&mut child, how);
        }
    }

    fn try_start(&mut self) -> bool {
        let mut command = Command::new(program("redis-server", &[], "redis-server"));
        command
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendfsync",
                "always",
            ])
            .args(["--appendonly", if self.durable { "yes" } else { "no" }])
            .arg("--port")
            .arg(self.place.port().to_string())
            .arg("--dir")
            .arg(self.place.dir());
        let mut child = self.place.spawn(&mut command);
        let up = self.place.answers(&mut child);
        self.child = Some(child);
        up
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.place.keep();
        }
        self.end("KILL");
    }
}
