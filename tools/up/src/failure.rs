//! Why the platform did not start, one sentence each.

use std::fmt;
use std::io;
use std::path::PathBuf;

use shoal_error::Error;
use shoal_service::StartError;
use shoal_telemetry::InitError;

use crate::modules::COUNT;

/// The platform did not start.
#[derive(Debug)]
pub enum UpError {
    /// The gateway's port leaves no room for the services' ports.
    Port(u16),
    /// The system has no free port.
    NoFreePort(io::Error),
    /// The data folder cannot be used.
    DataDir(PathBuf, io::Error),
    /// Logs or traces cannot be set up.
    Telemetry(InitError),
    /// Redis does not answer.
    Redis(Error),
    /// A service did not start.
    Service(StartError),
    /// A service did not become ready.
    NotReady(Error),
    /// The demonstration catalogue could not be put in place.
    Seed(Error),
    /// The runtime could not be made.
    Runtime(io::Error),
}

impl UpError {
    /// Exit code of the program: 64 (`EX_USAGE`) for settings, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Service(error) => error.exit_code(),
            Self::Port(_) | Self::Telemetry(_) => 64,
            _ => 1,
        }
    }
}

impl fmt::Display for UpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(
                f,
                "--port {port} leaves no room for the services, which take the next {COUNT} ports; choose one up to {}.",
                usize::from(u16::MAX) - COUNT
            ),
            Self::NoFreePort(error) => write!(f, "the system gave no free port: {error}."),
            Self::DataDir(folder, error) => write!(
                f,
                "the data folder {} cannot be used: {error}; make it writable, or choose another with --data-dir.",
                folder.display()
            ),
            Self::Telemetry(error) => write!(f, "{error}."),
            Self::Redis(error) => write!(
                f,
                "{} Start Redis there, or leave out --redis-url.",
                error.message()
            ),
            Self::Service(error) => error.fmt(f),
            Self::NotReady(error) => f.write_str(error.message()),
            Self::Seed(error) => write!(
                f,
                "the demonstration catalogue could not be put in place: {}; --no-seed leaves it out.",
                error.report()
            ),
            Self::Runtime(error) => write!(f, "the system gave no threads: {error}."),
        }
    }
}

impl std::error::Error for UpError {}
