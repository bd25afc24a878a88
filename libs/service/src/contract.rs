//! The module's contract as files: what others may rely on, made from the
//! code itself on every build, kept in git beside the module, compared with the
//! last release by the gates and rendered by the portal.
//!
//! Rejected: a description written by hand beside the code (it drifts), and one
//! that a running service is asked for (a build has no database to run it on).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use shoal_error::{CodeSpec, CommonCode, ResultExt as _};
use utoipa::openapi::OpenApi;

use crate::StartError;
use crate::config;
use crate::module::{Built, Module};
use crate::openapi;

/// Writes every file of the contract below `folder`; nothing else that lies
/// there is touched.
pub(crate) fn write<M: Module>(folder: &Path) -> Result<String, StartError> {
    let files = files::<M>()?;
    for (name, text) in &files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|error| StartError::Contract {
            service: M::NAME,
            path,
            error,
        })?;
    }
    Ok(String::new())
}

/// The contract: paths below its folder, and what each file holds.
fn files<M: Module>() -> Result<BTreeMap<String, String>, StartError> {
    let document = openapi::document::<M>().map_err(|e| StartError::Document(M::NAME, e))?;
    let document = serde_json::to_value(document)
        .internal()
        .map_err(|e| StartError::Build(M::NAME, e))?;
    let mut files = BTreeMap::from([
        ("openapi.json".to_owned(), pretty(&document)),
        ("errors.json".to_owned(), pretty(&errors(M::CODES))),
        ("module.json".to_owned(), pretty(&module::<M>())),
        ("config.md".to_owned(), config::reference::<M>()),
        (
            "schemas/config.json".to_owned(),
            pretty(&config::schema::<M>()),
        ),
    ]);
    files.extend(M::PUBLISHES.iter().map(|event| {
        let name = format!("schemas/events/{}.json", event.kind);
        (name, pretty(event.schema().as_value()))
    }));
    Ok(files)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The module's own codes, then those that every module has.
fn errors(own: &[CodeSpec]) -> Value {
    let entry = |spec: &CodeSpec, common: bool| {
        json!({
            "code": spec.id,
            "status": spec.kind.http_status().as_u16(),
            "grpc": grpc_name(spec),
            "title": spec.title,
            "action": spec.action,
            "common": common,
        })
    };
    let own = own.iter().map(|spec| entry(spec, false));
    let common = CommonCode::CATALOGUE.iter().map(|spec| entry(spec, true));
    own.chain(common).collect()
}

/// `RESOURCE_EXHAUSTED`, as the gRPC documentation writes it.
fn grpc_name(spec: &CodeSpec) -> String {
    let mut name = String::new();
    for letter in format!("{:?}", spec.kind.grpc_code()).chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Where the module stands among the others.
fn module<M: Module>() -> Value {
    json!({
        "name": M::NAME,
        "version": M::VERSION,
        "about": M::ABOUT,
        "package": format!("shoal-{}", M::NAME),
        "port": M::PORT,
        "calls": M::PEERS.iter().map(|peer| peer.name).collect::<Vec<_>>(),
        "grpc": M::GRPC,
        "publishes": M::PUBLISHES.iter().map(|event| event.kind).collect::<Vec<_>>(),
        "consumes": M::CONSUMES,
    })
}

/// Refuses a module that serves or consumes other things than it declares, as
/// its contract would then be untrue.
pub(crate) fn check<M: Module>(built: &Built<M::State>) -> Result<(), StartError> {
    let consumed = built.consumers.iter().flat_map(shoal_bus::Consumer::types);
    let consumed: BTreeSet<&str> = consumed.collect();
    let served: BTreeSet<&str> = built.grpc_names.iter().copied().collect();
    let pairs = [
        ("GRPC", "serves", served, M::GRPC),
        ("CONSUMES", "consumes", consumed, M::CONSUMES),
    ];
    for (constant, does, actual, declared) in pairs {
        let declared: BTreeSet<&str> = declared.iter().copied().collect();
        let odd = actual.symmetric_difference(&declared).next();
        if let Some(odd) = odd {
            let text = if declared.contains(odd) {
                format!("{constant} names {odd}, which the module no longer {does}; remove it")
            } else {
                format!("the module {does} {odd}, which {constant} does not name; add it")
            };
            return Err(StartError::Undeclared(M::NAME, text));
        }
    }
    Ok(())
}

/// Refuses a class for a route that the module does not have.
pub(crate) fn check_classes<M: Module>(document: &OpenApi) -> Result<(), StartError> {
    let document = serde_json::to_value(document).unwrap_or_default();
    for (route, _) in M::CLASSES {
        let (verb, path) = route.split_once(' ').unwrap_or((route, ""));
        let there = if verb == "gRPC" {
            let service = path.trim_start_matches('/').split('/').next();
            service.is_some_and(|service| M::GRPC.contains(&service))
        } else {
            let operation = document["paths"][path].get(verb.to_lowercase());
            operation.is_some()
        };
        if !there {
            let text = format!("CLASSES names {route:?}, which the module does not serve");
            return Err(StartError::Undeclared(M::NAME, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shoal_error::Code as _;

    #[test]
    fn grpc_codes_are_named_as_their_documentation_names_them() {
        assert_eq!(
            grpc_name(CommonCode::TooManyRequests.spec()),
            "RESOURCE_EXHAUSTED"
        );
        assert_eq!(grpc_name(CommonCode::Internal.spec()), "INTERNAL");
    }

    #[test]
    fn the_catalogue_lists_every_code_once() {
        let Value::Array(entries) = errors(&[]) else {
            unreachable!("a list")
        };
        let codes: BTreeSet<_> = entries.iter().map(|entry| entry["code"].as_str()).collect();
        assert_eq!(codes.len(), entries.len());
        assert_eq!(codes.len(), CommonCode::CATALOGUE.len());
    }
}
