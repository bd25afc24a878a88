//! What `up` can be told.

use std::path::PathBuf;

use clap::Parser;

use crate::modules;

/// Runs the gateway and all services in one process.
///
/// Without options everything is embedded: SQLite files, events inside the
/// process, e-mails as files, all under the data folder. Ctrl-C drains and
/// stops; a second one stops at once.
#[derive(Clone, Debug, Parser)]
#[command(name = "up", version)]
pub struct Options {
    /// Port of the gateway; the services take the next ones, as listed at the
    /// start. 0 takes free ports.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,

    /// Folder of everything that is kept.
    #[arg(long, default_value = ".shoal")]
    pub data_dir: PathBuf,

    /// PostgreSQL server in place of SQLite, e.g. postgres://shoal@127.0.0.1/shoal.
    /// Each service takes a schema of its own.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,

    /// Redis server whose streams carry the events, e.g. redis://127.0.0.1:6379.
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<String>,

    /// Member of an etcd cluster in which the services register themselves and
    /// find each other, e.g. http://127.0.0.1:2379. May be repeated.
    #[arg(long, value_name = "URL")]
    pub etcd: Vec<String>,

    /// OpenTelemetry collector that takes spans over gRPC, e.g. http://127.0.0.1:4317.
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,

    /// Folder with `<service>.toml` files of further settings.
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,

    /// Folder of the built documentation, served under /docs.
    #[arg(long, value_name = "DIR", env = "SHOAL_PORTAL")]
    pub portal: Option<PathBuf>,

    /// Runs further instances of some services in a colour, beside the stable
    /// ones: `--gray v2=order,billing`. Which requests they get is said by the
    /// rules in `<data-dir>/gray/rules.toml`. Can be given several times.
    #[arg(long, value_name = "COLOUR=SERVICES", value_parser = gray)]
    pub gray: Vec<GrayOption>,

    /// Form of the log.
    #[arg(long, value_enum, default_value_t = LogForm::Pretty)]
    pub log_format: LogForm,

    /// Levels per module, e.g. info,shoal_order=debug.
    #[arg(long, default_value = "warn,shoal_up=info")]
    pub log: String,

    /// Starts with an empty catalogue.
    #[arg(long)]
    pub no_seed: bool,

    /// Prints one line of JSON with the addresses once everything is ready,
    /// in place of the walk-through. For scripts.
    #[arg(long)]
    pub json: bool,
}

/// Services that run in a colour too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayOption {
    /// The colour, e.g. `v2`.
    pub colour: String,
    /// Names of the services.
    pub services: Vec<String>,
}

fn gray(text: &str) -> Result<GrayOption, String> {
    let (colour, services) = text
        .split_once('=')
        .ok_or("write it as COLOUR=SERVICE,SERVICE")?;
    let services: Vec<String> = services.split(',').map(str::to_owned).collect();
    let unknown = services
        .iter()
        .find(|name| !modules::NAMES.contains(&name.as_str()));
    match unknown {
        Some(name) => Err(format!(
            "there is no service {name:?}; there are {}",
            modules::NAMES.join(", ")
        )),
        None => Ok(GrayOption {
            colour: colour.to_owned(),
            services,
        }),
    }
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogForm {
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

impl Default for Options {
    /// As without any option.
    fn default() -> Self {
        Self::parse_from(["up"])
    }
}
