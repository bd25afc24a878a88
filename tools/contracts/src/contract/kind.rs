//! What a document is: by its place in a contract, or by what it holds.

use serde_json::Value;

use crate::document::Document;
use crate::error::{Error, Result};

/// What a document of a contract describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// An OpenAPI document.
    #[value(name = "openapi")]
    OpenApi,
    /// The catalogue of error codes.
    Errors,
    /// The facts of a module.
    Module,
    /// The JSON Schema of an event.
    Event,
    /// The JSON Schema of settings.
    Setting,
}

impl Kind {
    /// The kind of a file of a contract by its path there; `None` for what is not compared.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.replace('\\', "/");
        let name = path.rsplit('/').next()?;
        match name {
            "openapi.json" => Some(Self::OpenApi),
            "errors.json" => Some(Self::Errors),
            "module.json" => Some(Self::Module),
            "config.json" => Some(Self::Setting),
            _ if name.ends_with(".json") && path.contains("events/") => Some(Self::Event),
            _ => None,
        }
    }

    /// The kind of a document by what it holds, or else by its name.
    ///
    /// # Errors
    /// When it is none, or a JSON Schema of which nothing tells what it is for.
    pub fn of(document: &Document) -> Result<Self> {
        let value = &document.value;
        let has = |keys: &[&str]| keys.iter().all(|k| value.get(k).is_some());
        if has(&["openapi"]) || has(&["swagger"]) {
            return Ok(Self::OpenApi);
        }
        if has(&["name", "package", "publishes"]) {
            return Ok(Self::Module);
        }
        let catalogue = |a: &Vec<Value>| a.iter().all(|e| e.get("code").is_some());
        if value.as_array().is_some_and(catalogue) {
            return Ok(Self::Errors);
        }
        match Self::of_path(&document.name) {
            Some(kind) => Ok(kind),
            None => Err(Error::Usage(format!(
                "{}: say what it is with --as: openapi, errors, module, event or setting",
                document.name
            ))),
        }
    }

    /// As it stands in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenApi => "an OpenAPI document",
            Self::Errors => "a catalogue of errors",
            Self::Module => "a module's facts",
            Self::Event => "an event's schema",
            Self::Setting => "a schema of settings",
        }
    }
}
