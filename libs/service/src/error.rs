//! Why a service did not start: one sentence each, for the person at the
//! terminal.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use shoal_error::Error;
use shoal_telemetry::InitError;

use crate::config::ConfigFault;
use crate::openapi::UnknownCode;

/// A service did not start.
#[derive(Debug)]
pub enum StartError {
    /// A setting cannot be used.
    Settings(&'static str, ConfigFault),
    /// Logs or traces cannot be set up.
    Telemetry(&'static str, InitError),
    /// The port cannot be opened.
    Listen {
        /// Which service.
        service: &'static str,
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The data folder cannot be used.
    DataDir {
        /// Which service.
        service: &'static str,
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The database cannot be reached or migrated.
    Database(&'static str, Error),
    /// The module's description contradicts itself.
    Document(&'static str, UnknownCode),
    /// What the module serves or consumes is not what it declares.
    Undeclared(&'static str, String),
    /// The contract cannot be written.
    Contract {
        /// Which service.
        service: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The module could not be built.
    Build(&'static str, Error),
    /// A subcommand failed.
    Command(&'static str, Error),
}

impl StartError {
    /// Exit code of the program: 64 (`EX_USAGE`) for settings, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(..) | Self::Telemetry(..) => 64,
            _ => 1,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(service, fault) => write!(f, "{service}: {fault}"),
            Self::Telemetry(service, error) => write!(f, "{service}: {error}."),
            Self::Listen {
                service,
                address,
                error,
            } if in_use(error) => write!(
                f,
                "{service}: the address {address} is in use by another program; stop that one, \
                 or choose another address with --listen or the setting `listen`."
            ),
            Self::Listen {
                service,
                address,
                error,
            } => {
                write!(f, "{service}: cannot listen on {address}: {error}.")
            }
            Self::DataDir {
                service,
                folder,
                error,
            } => write!(
                f,
                "{service}: the data folder {} cannot be used: {error}; make it writable, or \
                 choose another with --data-dir or the setting `data_dir`.",
                folder.display()
            ),
            Self::Database(service, error) | Self::Command(service, error) => {
                write!(f, "{service}: {}", sentence(error))
            }
            Self::Document(service, error) => write!(f, "{service}: {error}."),
            Self::Undeclared(service, text) => write!(f, "{service}: {text}."),
            Self::Contract {
                service,
                path,
                error,
            } => write!(
                f,
                "{service}: the contract cannot be written to {}: {error}; name a folder that \
                 can be written with --write-contract.",
                path.display()
            ),
            Self::Build(service, error) => {
                write!(f, "{service}: could not be built: {}", sentence(error))
            }
        }
    }
}

impl std::error::Error for StartError {}

fn in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// What an error says to the person at the terminal, who is not the public: its
/// message with the private note, or the cause where those say nothing.
fn sentence(error: &Error) -> String {
    let report = error.report();
    let whole = report.strip_prefix(error.code()).unwrap_or(&report);
    let whole = whole.trim_start_matches(": ");
    let head = whole.split("; caused by: ").next().unwrap_or(whole);
    let says_nothing = head == Error::internal("").message();
    let text = if says_nothing { whole } else { head };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The note follows in parentheses, after the message's full stop.
    let text = text.replacen(". (", " (", 1);
    format!("{}.", text.trim_end_matches('.'))
}
