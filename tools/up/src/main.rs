//! `./bazelw run //:up`

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use shoal_service::shutdown_signal;
use shoal_telemetry::{LogFormat, Telemetry, TelemetryConfig};
use shoal_up::{LogForm, Options, Up, UpError, walkthrough};

/// The same as in the services' own programs.
#[global_allocator]
static ALLOCATOR: shoal_service::Allocator = shoal_service::Allocator;

/// Longest that one service may take to drain.
const DRAIN: Duration = Duration::from_secs(15);

/// Exit code for a command line that cannot be used (`EX_USAGE`).
const USAGE: u8 = 64;

/// Exit code when a second signal cuts the drain short (128 + SIGINT).
const FORCED: i32 = 130;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "up: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(options: &Options) -> Result<(), UpError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("shoal")
        .build()
        .map_err(UpError::Runtime)?;
    let done = runtime.block_on(Box::pin(serve(options)));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(options: &Options) -> Result<(), UpError> {
    let telemetry = Telemetry::init(&TelemetryConfig {
        service: "up".to_owned(),
        log_format: match options.log_format {
            LogForm::Json => LogFormat::Json,
            LogForm::Pretty => LogFormat::Pretty,
        },
        filter: options.log.clone(),
        otlp_endpoint: options.otlp.clone(),
        ..TelemetryConfig::default()
    })
    .map_err(UpError::Telemetry)?;
    let up = Up::start(options).await?;
    say(&greeting(options, &up));
    shutdown_signal().await;
    say("Draining; Ctrl-C again stops at once.\n");
    let force = async {
        shutdown_signal().await;
        std::process::exit(FORCED);
    };
    tokio::select! {
        reports = up.shutdown(DRAIN) => {
            for (service, report) in reports.iter().filter(|(_, report)| !report.is_clean()) {
                say(&format!("{service}: ended by force: {}\n", report.forced.join(", ")));
            }
        }
        () = force => {}
    }
    tokio::task::block_in_place(|| telemetry.shutdown(Duration::from_secs(3)));
    say("Stopped.\n");
    Ok(())
}

fn greeting(options: &Options, up: &Up) -> String {
    let facts = walkthrough::Facts::new(options, up);
    if options.json {
        walkthrough::json(&facts)
    } else {
        walkthrough::render(&facts)
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: no reason to stop serving.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
