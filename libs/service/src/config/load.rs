//! Reads the layers and makes the two typed halves of the settings.

use std::path::PathBuf;

use figment::providers::{Format as _, Serialized, Toml};
use figment::value::{Dict, Map, Value as FigValue};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chassis::ChassisConfig;
use super::env::{EnvLayer, variable};
use super::fault::ConfigFault;
use super::{check, schema};
use crate::module::Module;

/// All settings of a service, checked.
#[derive(Clone, Debug)]
pub struct Settings<C> {
    /// What every service has.
    pub chassis: ChassisConfig,
    /// What the module adds.
    pub module: C,
}

/// Where settings come from, weakest first: defaults (always), the file, the
/// environment, overrides.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    overrides: Vec<(String, Value, String)>,
}

impl Sources {
    /// Defaults alone.
    pub fn defaults() -> Self {
        Self::default()
    }

    /// Defaults and the variables of this process.
    pub fn process() -> Self {
        // Variables that are not text cannot be settings of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            environment,
            ..Self::default()
        }
    }

    /// Adds a TOML file; it must exist.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Adds one variable, as the environment would have it.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets one key (`database.url`) above all other layers; `origin` says in
    /// error messages where the value came from.
    #[must_use]
    pub fn set(
        mut self,
        key: impl Into<String>,
        value: impl Into<Value>,
        origin: impl Into<String>,
    ) -> Self {
        self.overrides
            .push((key.into(), value.into(), origin.into()));
        self
    }
}

impl<C: DeserializeOwned> Settings<C> {
    /// Reads, merges and checks all layers.
    ///
    /// # Errors
    /// One sentence about the first setting that cannot be used.
    pub fn load<M: Module<Config = C>>(sources: &Sources) -> Result<Self, ConfigFault> {
        let schema = schema::schema::<M>();
        let layers = layers::<M>(sources, &schema)?;
        let data = layers
            .data()
            .map_err(|e| unreadable(sources.file.as_ref(), &e))?;
        let merged: Dict = data.into_values().next().unwrap_or_default();
        let located = |fault: ConfigFault| locate(&layers, &merged, M::NAME, fault);
        let document = serde_json::to_value(&merged)
            .map_err(|e| ConfigFault::new("", one_line(&e.to_string())))?;
        check::check(&schema, &document).map_err(located)?;

        let chassis_keys = schema::chassis_keys();
        let (chassis, module): (Dict, Dict) = merged
            .clone()
            .into_iter()
            .partition(|(key, _)| chassis_keys.contains(key));
        let mut settings = Self {
            chassis: typed::<ChassisConfig>(chassis).map_err(located)?,
            module: typed::<C>(module).map_err(located)?,
        };
        sane(&settings.chassis).map_err(located)?;
        M::check_config(&settings.module).map_err(located)?;
        let chassis = &mut settings.chassis;
        if chassis.database.url.is_empty() {
            chassis.database.url = format!("sqlite:{}", chassis.data_dir.display());
        }
        chassis.telemetry.service = M::NAME.to_owned();
        Ok(settings)
    }
}

/// The defaults of a module: the chassis' with its port and peers, and its own.
pub(super) fn defaults<M: Module>() -> ChassisConfig {
    let mut chassis = ChassisConfig {
        listen: ChassisConfig::loopback(M::PORT),
        ..ChassisConfig::default()
    };
    for peer in M::PEERS {
        chassis.discovery.set(peer.name, peer.address);
    }
    chassis
}

fn layers<M: Module>(sources: &Sources, schema: &Value) -> Result<Figment, ConfigFault> {
    let mut figment = Figment::new()
        .merge(Serialized::defaults(defaults::<M>()))
        .merge(Serialized::defaults(M::Config::default()));
    if let Some(path) = &sources.file {
        if !path.is_file() {
            let problem = format!("there is no file {}", path.display());
            return Err(ConfigFault::new("", problem).with_origin("option --config"));
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    figment = figment.merge(EnvLayer {
        service: M::NAME,
        variables: &sources.environment,
        schema,
    });
    for (key, value, origin) in &sources.overrides {
        figment = figment.merge(Override { key, value, origin });
    }
    Ok(figment)
}

/// Only the file can be unreadable; the parser's drawing of the place is left
/// out, its first line says where.
fn unreadable(file: Option<&PathBuf>, error: &figment::Error) -> ConfigFault {
    let text = error.kind.to_string();
    let words = text
        .lines()
        .filter(|line| !line.contains('|'))
        .collect::<Vec<_>>()
        .join(": ");
    let fault = ConfigFault::new("", one_line(&words));
    match file {
        Some(path) => fault.with_origin(format!("file {}", path.display())),
        None => fault,
    }
}

fn typed<T: DeserializeOwned>(dict: Dict) -> Result<T, ConfigFault> {
    FigValue::from(dict)
        .deserialize::<T>()
        .map_err(|error| ConfigFault::new(error.path.join("."), one_line(&error.kind.to_string())))
}

/// Rules between settings of the chassis, which a schema cannot say.
fn sane(chassis: &ChassisConfig) -> Result<(), ConfigFault> {
    if chassis.http.request_timeout_ms > chassis.http.max_request_timeout_ms {
        let problem = format!("{} is over the cap", chassis.http.request_timeout_ms);
        return Err(
            ConfigFault::new("http.request_timeout_ms", problem).with_allowed(format!(
                "at most http.max_request_timeout_ms = {}",
                chassis.http.max_request_timeout_ms
            )),
        );
    }
    if let Err(error) = chassis.discovery.instances() {
        return Err(ConfigFault::new("discovery", error.to_string()));
    }
    let nowhere = chassis.listen.ip().is_unspecified() && chassis.instance.advertise.is_empty();
    if chassis.discovery.etcd.is_used() && nowhere {
        let problem = format!("nobody can call {}", chassis.listen.ip());
        return Err(ConfigFault::new("instance.advertise", problem)
            .with_allowed("host:port at which others reach this instance"));
    }
    if let Some(colour) = chassis.instance.colour()
        && !shoal_routing::is_colour(colour)
    {
        let fault = ConfigFault::new("instance.labels.gray", format!("{colour:?} is no colour"));
        return Err(fault.with_allowed("1 to 32 of a-z, 0-9, . and -, other than \"stable\""));
    }
    let urls = [
        ("bus.redis_url", &chassis.bus.redis_url, ["redis", "rediss"]),
        (
            "identity.jwks_url",
            &chassis.identity.jwks_url,
            ["http", "https"],
        ),
    ];
    for (key, text, schemes) in urls {
        let fits = url::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()));
        if !text.is_empty() && !fits {
            return Err(ConfigFault::new(key, format!("{text:?} is not such a URL"))
                .with_allowed(format!("a URL that begins with {}://", schemes[0])));
        }
    }
    Ok(())
}

/// Adds to a fault where the value came from.
fn locate(layers: &Figment, merged: &Dict, service: &str, fault: ConfigFault) -> ConfigFault {
    let whole = FigValue::from(merged.clone());
    let Some(metadata) = whole
        .find_ref(fault.key())
        .and_then(|value| layers.get_metadata(leaf_tag(value)))
    else {
        return fault;
    };
    let origin = match (&*metadata.name, &metadata.source) {
        ("environment", _) => format!("environment variable {}", variable(service, fault.key())),
        (_, Some(figment::Source::File(path))) => format!("file {}", path.display()),
        (name, Some(figment::Source::Custom(_))) => name.to_owned(),
        _ => "the defaults".to_owned(),
    };
    fault.with_origin(origin)
}

/// Tables made by merging have no origin of their own; their first value has.
fn leaf_tag(value: &FigValue) -> figment::value::Tag {
    match value {
        FigValue::Dict(_, members) => members.values().next().map_or(value.tag(), leaf_tag),
        other => other.tag(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches('.')
        .to_owned()
}

struct Override<'a> {
    key: &'a str,
    value: &'a Value,
    origin: &'a str,
}

impl Provider for Override<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_owned()).source("override")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut value = FigValue::serialize(self.value)?;
        let mut keys: Vec<&str> = self.key.split('.').collect();
        let first = keys.remove(0);
        for key in keys.into_iter().rev() {
            value = FigValue::from(Dict::from([(key.to_owned(), value)]));
        }
        Ok(Map::from([(
            Profile::Default,
            Dict::from([(first.to_owned(), value)]),
        )]))
    }
}
