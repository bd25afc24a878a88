//! Starting the program.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::Git;
use crate::{Error, Result};

/// What git may know of the environment: where its program and its user's settings are, who signs, and with what.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "SYSTEMROOT",
    "GNUPGHOME",
    "GPG_TTY",
    "SSH_AUTH_SOCK",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

impl Git {
    /// Runs `git` with these arguments in the repository's top folder; what it printed.
    ///
    /// # Errors
    /// [`Error::Git`] with git's own words when it fails, [`Error::NoGit`] when it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.start(arguments, None)?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failure(arguments, &output))
        }
    }

    /// Like [`Git::run`], with something to read.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn run_with(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
        let output = self.start(arguments, Some(input))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failure(arguments, &output))
        }
    }

    /// Like [`Git::run`], where failing is an answer.
    pub(super) fn try_run(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>> {
        let output = self.start(arguments, None)?;
        Ok(output.status.success().then_some(output.stdout))
    }

    fn start(&self, arguments: &[&str], input: Option<Vec<u8>>) -> Result<Output> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(arguments)
            .env_clear()
            .envs(
                KEPT.iter()
                    .filter_map(|key| std::env::var_os(key).map(|value| (key, value))),
            )
            .envs([
                ("LC_ALL", "C"),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("GIT_OPTIONAL_LOCKS", "0"),
                ("GIT_PAGER", "cat"),
            ])
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::NoGit)?;
        // Written beside the reading: git answers while it is still asked, and either pipe may fill up.
        let writer = child
            .stdin
            .take()
            .zip(input)
            .map(|(mut pipe, input)| std::thread::spawn(move || pipe.write_all(&input)));
        let output = child.wait_with_output().map_err(Error::NoGit)?;
        if let Some(writer) = writer {
            // A git that ended early has said why on its standard error.
            drop(writer.join());
        }
        Ok(output)
    }
}

fn failure(arguments: &[&str], output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr);
    let message = said
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it said nothing")
        .trim()
        .to_owned();
    Error::Git {
        command: arguments
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join(" "),
        message,
    }
}
