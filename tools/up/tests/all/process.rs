//! The program itself, as a person starts it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use shoal_testkit::eventually;

use super::stores::Stores;

/// A running platform in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// What it printed when it was ready.
    pub(crate) facts: Value,
}

/// How a process ended that was not to start.
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts the platform and waits until it is ready.
    pub(crate) async fn start(stores: &Stores, environment: &[(&str, &str)]) -> Self {
        Self::start_with(stores, &[], environment).await
    }

    /// The same with further options.
    pub(crate) async fn start_with(
        stores: &Stores,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut arguments = stores.arguments();
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        // Reading its first line blocks.
        tokio::task::spawn_blocking(move || {
            let mut child = command()
                .args(&arguments)
                .envs(environment)
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let first = lines.next().expect("it says where it is").unwrap();
            let facts = serde_json::from_str(&first)
                .unwrap_or_else(|error| panic!("not JSON ({error}): {first}"));
            // Its last words must not fill the pipe.
            std::thread::spawn(move || lines.for_each(drop));
            Self { child, facts }
        })
        .await
        .unwrap()
    }

    /// Starts the program, which is expected to refuse.
    pub(crate) async fn refused(arguments: &[String], environment: &[(&str, &str)]) -> Refusal {
        let mut command = command();
        command.args(arguments).envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("the program starts");
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            Refusal {
                code: child.wait().unwrap().code(),
                stderr,
            }
        })
        .await
        .unwrap()
    }

    /// `http://host:port` of the gateway.
    pub(crate) fn gateway(&self) -> String {
        format!("http://{}", self.facts["gateway"].as_str().unwrap())
    }

    /// Address of a service.
    pub(crate) fn service(&self, name: &str) -> String {
        self.facts["services"][name].as_str().unwrap().to_owned()
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self, bound: Duration) -> ExitStatus {
        let child = std::sync::Mutex::new(&mut self.child);
        eventually(
            || {
                let status = child.lock().unwrap().try_wait().unwrap();
                async move { status }
            },
            bound,
        )
        .await
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> Command {
    Command::new(program())
}

/// Cargo says at compile time where it is, Bazel at run time.
fn program() -> PathBuf {
    match (
        std::env::var_os("SHOAL_UP"),
        option_env!("CARGO_BIN_EXE_shoal-up"),
    ) {
        (Some(path), _) => path.into(),
        (None, Some(path)) => path.into(),
        (None, None) => panic!("SHOAL_UP must name the program"),
    }
}
