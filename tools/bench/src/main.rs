//! Measures the platform through its door, and the paved road against bare
//! servers, in one run, so that figures of one machine can be compared.
//!
//! Load and servers share the machine: figures are ratios first and absolute
//! numbers second.

mod bare;
mod figures;
mod http;
mod load;
mod platform;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use load::Report;
use platform::Loads;
use shoal_error::Result;
use shoal_telemetry::{Telemetry, TelemetryConfig};

/// The same as in the services' programs, which run in this process here.
#[global_allocator]
static ALLOCATOR: shoal_service::Allocator = shoal_service::Allocator;

/// Measures requests per second and latencies of the platform.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Options {
    /// Measured seconds of each load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 32)]
    connections: usize,

    /// Leaves out PostgreSQL and Redis, which must be on the machine otherwise.
    #[arg(long)]
    embedded_only: bool,

    /// Runs one part only.
    #[arg(long, value_enum)]
    only: Option<Part>,

    /// How the figures are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The paved road against bare servers.
    Bare,
    /// The platform on SQLite.
    Embedded,
    /// The platform on SQLite, reading only.
    Read,
    /// The platform on SQLite, placing orders only.
    Order,
    /// The platform on PostgreSQL and Redis.
    Servers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// A JSON object a line for each figure, which `//tools/review` reads.
    Json,
}

/// How much load, for how long.
struct Plan {
    connections: usize,
    time: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(measure(&Options::parse())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<()> {
    let quiet = TelemetryConfig {
        filter: "error".to_owned(),
        ..TelemetryConfig::default()
    };
    let _telemetry = Telemetry::init(&quiet).map_err(shoal_error::Error::internal)?;
    let plan = Plan {
        connections: options.connections.max(1),
        time: Duration::from_secs(options.seconds.max(1)),
    };
    let out = Out(options.format);
    out.begin(&plan);
    let wanted = |part| options.only.is_none_or(|only| only == part);
    if wanted(Part::Bare) {
        let reports = bare::compare(&plan).await?;
        out.print(&reports)?;
        out.compare(&reports);
    }
    let loads = match options.only {
        None | Some(Part::Embedded) => Some(Loads::BOTH),
        Some(Part::Read) => Some(Loads::READ),
        Some(Part::Order) => Some(Loads::ORDER),
        Some(Part::Bare | Part::Servers) => None,
    };
    if let Some(loads) = loads {
        out.print(&platform::embedded(&plan, loads).await?)?;
    }
    if wanted(Part::Servers) && !options.embedded_only {
        out.print(&platform::servers(&plan).await?)?;
    }
    Ok(())
}

/// Where the figures go, in the asked form.
struct Out(Format);

impl Out {
    fn begin(&self, plan: &Plan) {
        if self.0 == Format::Table {
            let (connections, seconds) = (plan.connections, plan.time.as_secs());
            say(&format!(
                "{connections} connections, {seconds} s each\n\n\
                 | load | requests/s | P50 | P99 | failed |\n|---|---|---|---|---|\n",
            ));
        }
    }

    fn print(&self, reports: &[Report]) -> Result<()> {
        match self.0 {
            Format::Table => say(&table(reports)),
            Format::Json => say(&figures::lines(reports)?),
        }
        Ok(())
    }

    /// What the paved road leaves of a bare server.
    fn compare(&self, reports: &[Report]) {
        if let (Format::Table, [axum, http, tonic, grpc]) = (self.0, reports) {
            let share = |paved: &Report, bare: &Report| 100.0 * paved.per_second / bare.per_second;
            say(&format!(
                "| paved road as a share of bare | HTTP {:.0} %, gRPC {:.0} % | | | |\n",
                share(http, axum),
                share(grpc, tonic),
            ));
        }
    }
}

fn table(reports: &[Report]) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    reports
        .iter()
        .map(|r| {
            format!(
                "| {} | {:.0} | {:.2} ms | {:.2} ms | {} of {} |\n",
                r.name,
                r.per_second,
                millis(r.p50),
                millis(r.p99),
                r.failures,
                r.requests + r.failures,
            )
        })
        .collect()
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
