//! The command line of a service's own binary.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::Sources;
use crate::module::Module;

/// An option that sets one key above file and environment.
struct Setting {
    option: &'static str,
    key: &'static str,
    value: &'static str,
    help: &'static str,
}

const SETTINGS: [Setting; 6] = [
    Setting {
        option: "listen",
        key: "listen",
        value: "HOST:PORT",
        help: "Serve HTTP and gRPC on this address; port 0 takes a free one",
    },
    Setting {
        option: "database-url",
        key: "database.url",
        value: "URL",
        help: "Keep data in sqlite:<folder> or postgres://user:password@host/database",
    },
    Setting {
        option: "redis-url",
        key: "bus.redis_url",
        value: "URL",
        help: "Carry events over this Redis server instead of inside the process",
    },
    Setting {
        option: "otlp",
        key: "telemetry.otlp_endpoint",
        value: "URL",
        help: "Send traces to this collector (OTLP over gRPC)",
    },
    Setting {
        option: "log-format",
        key: "telemetry.log_format",
        value: "pretty|json",
        help: "Write log lines for people or for machines",
    },
    Setting {
        option: "data-dir",
        key: "data_dir",
        value: "FOLDER",
        help: "Keep everything that is on disk in this folder",
    },
];

/// What to do instead of serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Serve,
    CheckConfig,
    PrintSchema,
    PrintReference,
    PrintOpenApi,
    MigrateOnly,
    WriteContract,
}

/// The one action that takes a value.
const WRITE_CONTRACT: &str = "write-contract";

const ACTIONS: [(&str, Action, &str); 5] = [
    (
        "check-config",
        Action::CheckConfig,
        "Check the settings and exit",
    ),
    (
        "print-config-schema",
        Action::PrintSchema,
        "Print the JSON Schema of the settings and exit",
    ),
    (
        "print-config-reference",
        Action::PrintReference,
        "Print the settings reference and exit",
    ),
    (
        "print-openapi",
        Action::PrintOpenApi,
        "Print the OpenAPI document and exit",
    ),
    (
        "migrate-only",
        Action::MigrateOnly,
        "Bring the database up to date and exit",
    ),
];

/// The whole command line of a module's binary.
pub(crate) fn command<M: Module>() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("Read settings from this TOML file");
    let settings = SETTINGS.iter().map(|setting| {
        Arg::new(setting.option)
            .long(setting.option)
            .value_name(setting.value)
            .global(true)
            .help(setting.help)
    });
    let actions = ACTIONS.iter().map(|(name, _, help)| {
        Arg::new(*name)
            .long(*name)
            .action(ArgAction::SetTrue)
            .help(*help)
    });
    let write_contract = Arg::new(WRITE_CONTRACT)
        .long(WRITE_CONTRACT)
        .value_name("FOLDER")
        .value_parser(value_parser!(PathBuf))
        .help("Write the module's contract (OpenAPI, schemas, codes, graph) here and exit");
    let names = ACTIONS.iter().map(|(name, _, _)| *name);
    Command::new(M::NAME)
        .about(M::ABOUT)
        .version(M::VERSION)
        .arg(config)
        .args(settings)
        .args(actions)
        .arg(write_contract)
        .group(clap::ArgGroup::new("action").args(names.chain([WRITE_CONTRACT])))
        .subcommands(M::commands())
}

/// The layers of settings that the command line asks for.
pub(crate) fn sources(matches: &ArgMatches) -> Sources {
    let mut sources = Sources::process();
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        sources = sources.file(path);
    }
    for setting in &SETTINGS {
        if let Some(value) = matches.get_one::<String>(setting.option) {
            let origin = format!("option --{}", setting.option);
            sources = sources.set(setting.key, value.as_str(), origin);
        }
    }
    sources
}

/// The action that the command line asks for.
pub(crate) fn action(matches: &ArgMatches) -> Action {
    if contract_folder(matches).is_some() {
        return Action::WriteContract;
    }
    let asked = ACTIONS.iter().find(|(name, _, _)| matches.get_flag(name));
    asked.map_or(Action::Serve, |(_, action, _)| *action)
}

/// Where the contract is to be written.
pub(crate) fn contract_folder(matches: &ArgMatches) -> Option<&PathBuf> {
    matches.get_one(WRITE_CONTRACT)
}
