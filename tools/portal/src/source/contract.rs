//! One version of a module's generated contract, as its folder holds it.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shoal_modules::Facts;

use super::{files_below, text};
use crate::error::BuildError;

const EVENTS: &str = "schemas/events/";

/// A contract.
pub(crate) struct Contract {
    /// Its facts.
    pub(crate) facts: Facts,
    /// OpenAPI document, with at least `paths`.
    pub(crate) openapi: Value,
    /// Own codes first, then common ones.
    pub(crate) errors: Vec<ErrorCode>,
    /// Reference of the settings, markdown.
    pub(crate) settings: Option<String>,
    /// gRPC services and messages, markdown.
    pub(crate) grpc: Option<String>,
    /// Published events by type.
    pub(crate) events: Vec<Event>,
    /// Every file.
    pub(crate) downloads: Vec<Download>,
}

/// An error code and what to do about it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ErrorCode {
    pub(crate) code: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// Name of the gRPC status.
    #[serde(default)]
    pub(crate) grpc: Value,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) action: String,
    /// Every module may answer it.
    #[serde(default)]
    pub(crate) common: bool,
}

/// An event and the JSON Schema of its payload.
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) schema: Value,
}

/// A file to download.
pub(crate) struct Download {
    /// Path in the contract's folder.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

impl Contract {
    /// Reads the folder of one version.
    pub(crate) fn read(service: &str, folder: &Path) -> Result<Self, BuildError> {
        let mut downloads = Vec::new();
        for path in files_below(folder)? {
            let file = folder.join(&path);
            let content = fs::read(&file).map_err(BuildError::read(&file))?;
            downloads.push(Download { path, content });
        }
        let mut events = Vec::new();
        for download in &downloads {
            let Some(name) = download.path.strip_prefix(EVENTS) else {
                continue;
            };
            let Some(kind) = name.strip_suffix(".json") else {
                continue;
            };
            let schema = serde_json::from_slice(&download.content);
            events.push(Event {
                kind: kind.to_owned(),
                schema: schema
                    .map_err(|error| BuildError::malformed(folder.join(&download.path), error))?,
            });
        }
        let openapi: Value = json(folder, "openapi.json")?;
        if !openapi["paths"].is_object() {
            let what = "an OpenAPI document has `paths`";
            return Err(BuildError::malformed(folder.join("openapi.json"), what));
        }
        let facts: Facts = json(folder, "module.json")?;
        if facts.name != service {
            let what = format!("it is the contract of {:?}, not of {service:?}", facts.name);
            return Err(BuildError::malformed(folder.join("module.json"), what));
        }
        Ok(Self {
            facts,
            openapi,
            errors: json(folder, "errors.json")?,
            settings: text(&folder.join("config.md"))?,
            grpc: text(&folder.join("grpc.md"))?.filter(|text| !text.trim().is_empty()),
            events,
            downloads,
        })
    }
}

fn json<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<T, BuildError> {
    let path = folder.join(name);
    let bytes = fs::read(&path).map_err(BuildError::read(&path))?;
    serde_json::from_slice(&bytes).map_err(|error| BuildError::malformed(path, error))
}
