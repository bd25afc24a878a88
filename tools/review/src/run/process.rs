//! One command at a time, in a process group of its own, within its time.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::{Instant, interval_at, timeout};

use crate::error::{Error, Result};
use crate::output;

/// How long a command that was told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// How often those who wait hear that something still runs.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What a command of another checkout must not inherit: where `bazel run`
/// started this program, and which repository a git hook is in.
const FOREIGN: [&str; 4] = ["BUILD_", "RUNFILES_", "GIT_", "TEST_"];
const FOREIGN_NAMES: [&str; 4] = [
    "JAVA_RUNFILES",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "BAZEL_TEST",
];

/// A command to run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// Where it runs.
    pub folder: &'a Path,
    /// Where its standard output goes.
    pub stdout: File,
    /// Where its standard error goes.
    pub stderr: File,
    /// How long it may take.
    pub limit: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It took longer than it may and was stopped.
    TimedOut,
}

impl Ended {
    /// Whether it did its work.
    pub fn is_success(self) -> bool {
        self == Self::Exit(0)
    }

    /// In words, without a subject.
    pub fn words(self, limit: Duration) -> String {
        match self {
            Self::Exit(0) => "passed".to_owned(),
            Self::Exit(code) => format!("ended with exit status {code}"),
            Self::Signal(number) => format!("was killed by signal {number}"),
            Self::TimedOut => format!("took longer than {} and was stopped", output::time(limit)),
        }
    }
}

/// Runs commands until somebody says stop.
#[derive(Debug)]
pub struct Runner {
    interrupt: Signals,
    terminate: Signals,
    hangup: Signals,
}

impl Runner {
    /// From now on Ctrl-C and its kin end the running command, and then this
    /// program in good order. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses handlers.
    pub fn new() -> Result<Self> {
        let handler = |kind| signal(kind).map_err(Error::io("signal handlers"));
        Ok(Self {
            interrupt: handler(SignalKind::interrupt())?,
            terminate: handler(SignalKind::terminate())?,
            hangup: handler(SignalKind::hangup())?,
        })
    }

    /// Runs a command to its end, its time's end, or until somebody says stop.
    ///
    /// # Errors
    /// [`Error::Start`] when it cannot be started, [`Error::Interrupted`].
    pub async fn run(&mut self, job: Job<'_>) -> Result<(Ended, Duration)> {
        let started = Instant::now();
        let mut child = start(&job)?;
        let mut heartbeat = interval_at(started + HEARTBEAT, HEARTBEAT);
        let deadline = tokio::time::sleep_until(started + job.limit);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                status = child.wait() => {
                    let status = status.map_err(Error::io("waiting for a command"))?;
                    return Ok((ended(status), started.elapsed()));
                }
                () = &mut deadline => {
                    stop(&mut child).await;
                    return Ok((Ended::TimedOut, started.elapsed()));
                }
                name = stopped(&mut self.interrupt, &mut self.terminate, &mut self.hangup) => {
                    stop(&mut child).await;
                    return Err(Error::Interrupted(name));
                }
                _ = heartbeat.tick() => {
                    let so_far = output::time(started.elapsed());
                    output::progress(&format!("      still running after {so_far}"));
                }
            }
        }
    }
}

async fn stopped(
    interrupt: &mut Signals,
    terminate: &mut Signals,
    hangup: &mut Signals,
) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    }
}

fn start(job: &Job<'_>) -> Result<Child> {
    let command = job.words.join(" ");
    let cannot = |source| Error::Start {
        command: command.clone(),
        source,
    };
    let (program, arguments) = job
        .words
        .split_first()
        .ok_or_else(|| cannot(std::io::ErrorKind::InvalidInput.into()))?;
    let handle = |file: &File| file.try_clone().map(Stdio::from).map_err(cannot);
    let mut starting = Command::new(located(program, job.folder));
    starting
        .args(arguments)
        .current_dir(job.folder)
        .stdin(Stdio::null())
        .stdout(handle(&job.stdout)?)
        .stderr(handle(&job.stderr)?)
        .process_group(0);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let foreign = FOREIGN.iter().any(|prefix| text.starts_with(prefix));
        if foreign || FOREIGN_NAMES.contains(&text.as_ref()) {
            starting.env_remove(name);
        }
    }
    starting.spawn().map_err(cannot)
}

/// A relative path is one in the folder that the command runs in; a bare name is one on the PATH.
fn located(program: &str, folder: &Path) -> std::path::PathBuf {
    if program.contains('/') {
        folder.join(program)
    } else {
        program.into()
    }
}

/// Asks the whole group to stop, then makes it.
async fn stop(child: &mut Child) {
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let tell = |signal| group.map(|group| kill_process_group(group, signal));
    tell(Signal::INT);
    if timeout(GRACE, child.wait()).await.is_err() {
        tell(Signal::KILL);
        let _ = child.wait().await;
    } else {
        // Those that the command left behind.
        tell(Signal::KILL);
    }
}

fn ended(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}
