//! The main function of a service's own binary.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgMatches;
use shoal_error::ResultExt as _;
use shoal_telemetry::{Telemetry, service_span};
use tokio::signal::unix::{SignalKind, signal};
use tracing::Instrument as _;

use crate::cli::{self, Action};
use crate::config::{self, Settings};
use crate::contract;
use crate::error::StartError;
use crate::module::Module;
use crate::openapi;
use crate::ops::BuildInfo;
use crate::platform::Platform;
use crate::start::{open_store, prepare, start};

/// Exit code for a command line or settings that cannot be used (`EX_USAGE`).
const USAGE: u8 = 64;

/// Exit code when a second signal cuts the drain short (128 + SIGINT).
const FORCED: i32 = 130;

/// Longest that a whole shutdown may take.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// Longest that sending the last spans may take.
const FLUSH: Duration = Duration::from_secs(3);

/// Runs a service as a program of its own, until SIGINT or SIGTERM.
pub fn run<M: Module>() -> ExitCode {
    run_stamped::<M>(BuildInfo::default())
}

/// Like [`run`], with the stamp of the binary; see [`crate::main!`].
pub fn run_stamped<M: Module>(build: BuildInfo) -> ExitCode {
    // Not locked: the log goes to standard error too, from every thread, and
    // would wait for this one for as long as the service runs.
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    run_with::<M>(std::env::args_os(), build, &mut out, &mut err)
}

/// Like [`run`], with other arguments (the program's name first) and outputs.
pub fn run_with<M: Module>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    build: BuildInfo,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    // A reader that has seen enough (`| head`) is no failure, so what becomes
    // of the text is not looked at.
    let matches = match cli::command::<M>().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        // Help and version come this way too.
        Err(error) if error.use_stderr() => {
            let _ = write!(err, "{}", error.render());
            return ExitCode::from(USAGE);
        }
        Err(text) => {
            let _ = write!(out, "{}", text.render());
            return ExitCode::SUCCESS;
        }
    };
    match execute::<M>(&matches, build) {
        Ok(text) => {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(err, "{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Does what the command line asks; the text is for standard output.
fn execute<M: Module>(matches: &ArgMatches, build: BuildInfo) -> Result<String, StartError> {
    let pretty = |value: &serde_json::Value| format!("{value:#}\n");
    match cli::action(matches) {
        Action::PrintSchema => return Ok(pretty(&config::schema::<M>())),
        Action::PrintReference => return Ok(config::reference::<M>()),
        Action::PrintOpenApi => {
            let document =
                openapi::document::<M>().map_err(|e| StartError::Document(M::NAME, e))?;
            let text = document.to_pretty_json().internal();
            return Ok(text.map_err(|e| StartError::Build(M::NAME, e))? + "\n");
        }
        Action::WriteContract => {
            let folder = cli::contract_folder(matches).cloned().unwrap_or_default();
            return contract::write::<M>(&folder);
        }
        Action::Serve | Action::CheckConfig | Action::MigrateOnly => {}
    }
    let settings = Settings::load::<M>(&cli::sources(matches))
        .map_err(|fault| StartError::Settings(M::NAME, fault))?;
    if cli::action(matches) == Action::CheckConfig {
        return Ok(format!("{}: the settings are right.\n", M::NAME));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(M::NAME)
        .build()
        .internal()
        .map_err(|e| StartError::Build(M::NAME, e))?;
    runtime.block_on(Box::pin(act::<M>(matches, settings, build)))
}

async fn act<M: Module>(
    matches: &ArgMatches,
    settings: Settings<M::Config>,
    build: BuildInfo,
) -> Result<String, StartError> {
    let telemetry = Telemetry::init(&settings.chassis.telemetry)
        .map_err(|e| StartError::Telemetry(M::NAME, e))?;
    let platform = Platform::new().build(build);
    let done = if cli::action(matches) == Action::MigrateOnly {
        let store = open_store::<M>(&settings.chassis, &platform).await;
        store.map(|_| format!("{}: the database is up to date.\n", M::NAME))
    } else if matches.subcommand().is_some() {
        subcommand::<M>(matches, settings, &platform).await
    } else {
        serve::<M>(settings, &platform).await
    };
    // Last of all, so that the spans of the shutdown are sent too.
    flush(telemetry).await;
    done
}

async fn subcommand<M: Module>(
    matches: &ArgMatches,
    settings: Settings<M::Config>,
    platform: &Platform,
) -> Result<String, StartError> {
    let failed = |e| StartError::Command(M::NAME, e);
    let mut prepared = prepare::<M>(settings, platform, None).await?;
    let Some(context) = prepared.context.take() else {
        return Ok(String::new());
    };
    let span = service_span(M::NAME);
    M::command(context, matches)
        .instrument(span)
        .await
        .map_err(failed)
}

async fn serve<M: Module>(
    settings: Settings<M::Config>,
    platform: &Platform,
) -> Result<String, StartError> {
    let running = start::<M>(settings, platform).await?;
    shutdown_signal().await;
    let force = async {
        shutdown_signal().await;
        std::process::exit(FORCED);
    };
    tokio::select! {
        _ = running.shutdown(SHUTDOWN) => {}
        () = force => {}
    }
    Ok(String::new())
}

/// Resolves at the next SIGINT or SIGTERM.
pub async fn shutdown_signal() {
    // Without handlers the default one ends the process, which is as good.
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn flush(telemetry: Telemetry) {
    let pool = shoal_task::BlockingPool::new(
        "telemetry",
        shoal_task::PoolConfig {
            workers: 1,
            queue: 0,
        },
    );
    let _ = pool.run(move || telemetry.shutdown(FLUSH)).await;
}

/// What a program allocates with. A request makes some hundred small
/// allocations on several threads, which cost a fifth of the processor's time
/// with the system's allocator (docs/performance.md).
#[doc(hidden)]
pub use mimalloc::MiMalloc as Allocator;

/// The `main` of a service's binary, stamped in the binary's own crate.
#[macro_export]
macro_rules! main {
    ($module:ty) => {
        #[global_allocator]
        static ALLOCATOR: $crate::Allocator = $crate::Allocator;

        fn main() -> ::std::process::ExitCode {
            $crate::run_stamped::<$module>($crate::build_info!())
        }
    };
}
