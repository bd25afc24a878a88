//! The program itself, as a person starts it.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use shoal_testkit::{Program, eventually};

use super::person::SOON;
use super::stores::Stores;

/// A running platform in a process of its own; killed when dropped.
pub(crate) struct Process {
    program: Program,
    /// What it printed when it was ready.
    pub(crate) facts: Value,
}

/// How a process ended that was not to start.
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    /// What it said; a process that does not start has nothing for stdout.
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
        let mut program = started(&arguments, environment);
        let facts = || {
            let ended = program.ended();
            let log = program.log();
            assert!(ended.is_none(), "it ended with {ended:?}:\n{log}");
            let facts = log.lines().find_map(facts_of);
            async move { facts.ok_or(log) }
        };
        let facts = eventually(facts, SOON).await;
        Self { program, facts }
    }

    /// Starts the program, which is expected to refuse.
    pub(crate) async fn refused(arguments: &[String], environment: &[(&str, &str)]) -> Refusal {
        let mut program = started(arguments, environment);
        let status = ended(&mut program, SOON).await;
        Refusal {
            code: status.code(),
            stderr: program.log(),
        }
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
        ended(&mut self.program, bound).await
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        self.program.terminate();
    }
}

fn started(arguments: &[String], environment: &[(&str, &str)]) -> Program {
    let mut command = Command::new(path());
    command.args(arguments).envs(environment.iter().copied());
    let mut program = Program::new("up");
    program.start(&mut command);
    program
}

/// The line that says where everything is; others are of the log.
fn facts_of(line: &str) -> Option<Value> {
    let facts: Value = serde_json::from_str(line).ok()?;
    facts["gateway"].is_string().then_some(facts)
}

async fn ended(program: &mut Program, bound: Duration) -> ExitStatus {
    let look = || {
        let status = program.ended();
        async move { status }
    };
    eventually(look, bound).await
}

/// Cargo says at compile time where it is, Bazel at run time.
fn path() -> PathBuf {
    match (
        std::env::var_os("SHOAL_UP"),
        option_env!("CARGO_BIN_EXE_shoal-up"),
    ) {
        (Some(path), _) => path.into(),
        (None, Some(path)) => path.into(),
        (None, None) => panic!("SHOAL_UP must name the program"),
    }
}
