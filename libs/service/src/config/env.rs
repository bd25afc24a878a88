//! The environment as a layer of settings.

use figment::value::{Dict, Map, Value as FigValue};
use figment::{Error, Metadata, Profile, Provider};
use serde_json::Value;

use super::schema;

/// `SHOAL_<SERVICE>__SECTION__KEY=value`, read with the schema in hand: a
/// setting that is text stays text even when it looks like a number.
pub(super) struct EnvLayer<'a> {
    pub(super) service: &'static str,
    pub(super) variables: &'a [(String, String)],
    pub(super) schema: &'a Value,
}

/// What the variables of a service begin with.
pub(super) fn prefix(service: &str) -> String {
    format!("SHOAL_{}__", service.to_uppercase().replace('-', "_"))
}

/// The variable that sets a key, e.g. `SHOAL_ORDER__HTTP__MAX_STREAMS`.
pub(super) fn variable(service: &str, key: &str) -> String {
    format!(
        "{}{}",
        prefix(service),
        key.to_uppercase().replace('.', "__")
    )
}

impl EnvLayer<'_> {
    fn value(&self, path: &[String], text: &str) -> FigValue {
        let types = schema::at(self.schema, path).map(|s| schema::types(self.schema, s));
        let is_text = schema::at(self.schema, path)
            .is_some_and(|s| schema::words(self.schema, s).is_some())
            || types.is_some_and(|t| t.contains(&"string"));
        if is_text {
            FigValue::from(text)
        } else {
            // Infallible in figment: what is nothing else is a string.
            text.parse().unwrap_or_else(|_| FigValue::from(text))
        }
    }
}

impl Provider for EnvLayer<'_> {
    fn metadata(&self) -> Metadata {
        let service = self.service;
        Metadata::named("environment")
            .interpolater(move |_: &Profile, keys: &[&str]| variable(service, &keys.join(".")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let prefix = prefix(self.service);
        let mut dict = Dict::new();
        for (name, text) in self.variables {
            let Some(rest) = name.strip_prefix(&prefix).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let path: Vec<String> = rest.to_lowercase().split("__").map(str::to_owned).collect();
            insert(&mut dict, &path, self.value(&path, text));
        }
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

fn insert(dict: &mut Dict, path: &[String], value: FigValue) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        dict.insert(first.clone(), value);
        return;
    }
    let slot = dict
        .entry(first.clone())
        .or_insert_with(|| FigValue::from(Dict::new()));
    if let FigValue::Dict(_, inner) = slot {
        insert(inner, rest, value);
    }
}
