//! A program of ours in a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use crate::server::{Place, send_signal, signal};

/// A program with a folder and a port that it keeps over restarts. Ends with
/// the value, or with the process that holds it.
pub struct Program {
    place: Place,
    child: Option<Child>,
}

impl Program {
    /// A place for a program that is not running yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            place: Place::new(name),
            child: None,
        }
    }

    /// A folder of its own; goes with the value.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.place.dir()
    }

    /// Where it is to listen.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.place.port()))
    }

    /// Starts it, and does not wait for anything; its output goes to the log.
    pub fn start(&mut self, command: &mut Command) {
        self.kill();
        self.child = Some(self.place.spawn(command));
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Asks it to end, as an orchestrator does.
    pub fn terminate(&self) {
        self.tell("TERM");
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }

    /// What it printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.place.log()
    }

    /// Ends it with a signal, and waits for its end.
    pub(crate) fn end(&mut self, how: &str) {
        if let Some(mut child) = self.child.take() {
            signal(&mut child, how);
        }
    }

    /// Sends a signal.
    pub(crate) fn tell(&self, what: &str) {
        if let Some(child) = &self.child {
            send_signal(child, what);
        }
    }

    /// Waits until it takes connections; false when it ended instead.
    pub(crate) fn answers(&mut self) -> bool {
        let child = self.child.as_mut();
        let up = child.is_some_and(|child| self.place.answers(child));
        if !up {
            self.child = None;
        }
        up
    }

    /// For when someone else took the port first.
    pub(crate) fn another_port(&mut self) {
        self.place.another_port();
    }

    /// Leaves the folder behind for a person to look at.
    pub(crate) fn keep(&self) {
        self.place.keep();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    async fn end_of(program: &mut Program) -> ExitStatus {
        let program = std::sync::Mutex::new(program);
        let look = || {
            let ended = program.lock().unwrap().ended();
            async move { ended }
        };
        crate::eventually(look, std::time::Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn a_program_that_is_asked_to_end_says_how_it_ended() {
        let mut program = Program::new("program");
        program.start(&mut shell(
            "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done",
        ));
        let log = || {
            let up = program.log().contains("up").then_some(());
            async move { up }
        };
        crate::eventually(log, std::time::Duration::from_secs(10)).await;
        program.terminate();
        assert_eq!(end_of(&mut program).await.code(), Some(3));
        assert_eq!(program.log(), "up\nbye\n");
    }

    #[tokio::test]
    async fn a_killed_program_starts_again_at_its_place() {
        let mut program = Program::new("program");
        let addr = program.addr();
        program.start(&mut shell("sleep 600"));
        program.kill();
        program.start(&mut shell("exit 0"));
        assert!(end_of(&mut program).await.success());
        assert_eq!(program.addr(), addr);
    }
}
