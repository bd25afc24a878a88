//! Events and error codes as pages show them.

use minijinja::{Value, context};
use serde::Serialize;

use super::{Pages, api, relative};
use crate::markdown;
use crate::schema::{Field, Filling, Schemas};
use crate::source::{ErrorCode, Event, Service};

/// An event on a page.
#[derive(Serialize)]
pub(super) struct EventView {
    pub(super) kind: String,
    about: String,
    /// Text for the search.
    pub(super) text: String,
    fields: Vec<Field>,
    example: String,
    file: String,
    consumers: Vec<String>,
}

impl EventView {
    pub(super) fn of(pages: &Pages<'_>, publisher: &Service, event: &Event) -> Self {
        let schemas = Schemas::of(&event.schema);
        let about = event.schema["description"].as_str().unwrap_or_default();
        let example = schemas.example(&event.schema, Filling::All);
        Self {
            kind: event.kind.clone(),
            about: markdown::inline(about),
            text: markdown::plain(about),
            fields: schemas.fields(&event.schema),
            example: serde_json::to_string_pretty(&example).unwrap_or_default(),
            file: format!("raw/schemas/events/{}.json", event.kind),
            consumers: consumers(pages, publisher, &event.kind),
        }
    }
}

/// Modules that consume an event.
pub(super) fn consumers(pages: &Pages<'_>, publisher: &Service, kind: &str) -> Vec<String> {
    let services = pages.site.services.iter();
    services
        .filter(|service| service.name != publisher.name)
        .filter(|service| {
            service
                .current()
                .contract
                .facts
                .consumes
                .iter()
                .any(|k| k == kind)
        })
        .map(|service| service.name.clone())
        .collect()
}

/// Consumed events with where they are described.
pub(super) fn consumed(pages: &Pages<'_>, path: &str, kinds: &[String]) -> Vec<Value> {
    let describe = |kind: &String| {
        let publisher = pages.site.services.iter().find(|service| {
            service
                .current()
                .contract
                .events
                .iter()
                .any(|event| event.kind == *kind)
        });
        let page = publisher.map(|p| format!("services/{}/current/events.html#{kind}", p.name));
        context! {
            kind,
            publisher => publisher.map(|p| p.name.as_str()),
            url => page.map(|page| relative(path, &page)),
        }
    };
    kinds.iter().map(describe).collect()
}

/// An error code on a page.
#[derive(Serialize)]
pub(super) struct CodeView {
    pub(super) code: String,
    status: u16,
    grpc: String,
    pub(super) title: String,
    /// HTML.
    action: String,
    pub(super) action_text: String,
    pub(super) common: bool,
    /// Operations that name it: method, path, address.
    operations: Vec<(String, String, String)>,
}

impl CodeView {
    pub(super) fn of(code: &ErrorCode, groups: &[api::Group], page: &str) -> Self {
        let operations = groups.iter().flat_map(|group| &group.operations);
        let naming = operations.filter(|operation| operation.codes.contains(&code.code));
        Self {
            code: code.code.clone(),
            status: code.status,
            grpc: code
                .grpc
                .as_str()
                .map_or_else(|| code.grpc.to_string(), str::to_owned),
            title: code.title.clone(),
            action: markdown::inline(&code.action),
            action_text: markdown::plain(&code.action),
            common: code.common,
            operations: naming
                .map(|o| {
                    (
                        o.method.clone(),
                        o.path.clone(),
                        format!("{page}#{}", o.anchor),
                    )
                })
                .collect(),
        }
    }
}
