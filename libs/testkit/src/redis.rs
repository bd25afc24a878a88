//! A real Redis on a free port.

use std::process::Command;

use crate::program::Program;
use crate::server::program;

/// A Redis server of one test. Ends with the value, or with the process.
pub struct Redis {
    program: Program,
    durable: bool,
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
            program: Program::new("redis"),
            durable,
        };
        for _ in 0..5 {
            if redis.try_start() {
                return redis;
            }
            redis.program.another_port();
        }
        panic!(
            "redis-server does not start; its log:\n{}",
            redis.program.log()
        );
    }

    /// `redis://127.0.0.1:port/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.program.addr())
    }

    /// Ends the server as its operator would.
    pub fn stop(&mut self) {
        self.program.end("TERM");
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts a stopped server again, on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(
            self.try_start(),
            "redis-server does not start; its log:\n{}",
            self.program.log()
        );
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
            .arg(self.program.addr().port().to_string())
            .arg("--dir")
            .arg(self.program.dir());
        self.program.start(&mut command);
        self.program.answers()
    }
}
