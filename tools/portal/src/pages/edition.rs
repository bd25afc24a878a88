//! The pages of one service: those of each version, and its changelog.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::settings::{by_group, settings};
use super::views::{CodeView, EventView, consumed};
use super::{Pages, api, relative, target};
use crate::graph::Graph;
use crate::markdown;
use crate::source::{Download, Edition, Service};

/// Adds all of them.
pub(super) fn add(pages: &mut Pages<'_>, service: &Service) {
    for edition in &service.editions {
        let of = Of { service, edition };
        of.guide(pages);
        of.endpoints(pages);
        of.events(pages);
        of.grpc(pages);
        of.errors(pages);
        of.settings(pages);
        of.downloads(pages);
    }
    let current = Of {
        service,
        edition: service.current(),
    };
    current.changelog(pages);
    current.graph(pages);
    let forward = context! { target => "current/index.html" };
    let path = format!("services/{}/index.html", service.name);
    pages.page(&path, "forward.html", &service.name, forward);
}

/// A tab of the service's pages.
#[derive(Serialize)]
struct Tab {
    label: &'static str,
    url: String,
    here: bool,
}

/// Another version of the same page.
#[derive(Serialize)]
struct Choice {
    label: String,
    url: String,
    here: bool,
}

/// One version of a service.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) service: &'a Service,
    pub(super) edition: &'a Edition,
}

impl Of<'_> {
    fn path(self, file: &str) -> String {
        format!(
            "services/{}/{}/{file}",
            self.service.name, self.edition.slug
        )
    }

    fn is_current(self) -> bool {
        self.edition.release.is_none()
    }

    /// Where the search says that something of this service stands.
    fn place(self, part: &str) -> String {
        format!("{} · {part}", self.service.name)
    }

    /// What the frame around every page of the service shows.
    pub(super) fn frame(self, path: &str, file: &str) -> Value {
        let name = &self.service.name;
        let own = |label, file_of: &str| Tab {
            label,
            url: relative(path, &self.path(file_of)),
            here: file == file_of,
        };
        let shared = |label, file_of: &str| Tab {
            label,
            url: relative(path, &format!("services/{name}/{file_of}")),
            here: file == file_of,
        };
        let tabs = vec![
            own("Guide", "index.html"),
            own("Endpoints", "api.html"),
            own("Events", "events.html"),
            own("gRPC", "grpc.html"),
            own("Error codes", "errors.html"),
            own("Settings", "settings.html"),
            own("Downloads", "downloads.html"),
            shared("Changelog", "changelog.html"),
            shared("What changed", "changes.html"),
            shared("Module graph", "graph.html"),
        ];
        let versions: Vec<Choice> = self
            .service
            .editions
            .iter()
            .map(|edition| {
                let of = Of { edition, ..self };
                let own = ["changelog.html", "changes.html", "graph.html"].contains(&file);
                let file = if own || file.is_empty() {
                    "index.html"
                } else {
                    file
                };
                Choice {
                    label: edition.label(),
                    url: relative(path, &of.path(file)),
                    here: edition.slug == self.edition.slug,
                }
            })
            .collect();
        context! {
            section => "services",
            service => name,
            about => &self.service.about,
            owner => &self.service.owner,
            version => &self.edition.version,
            label => self.edition.label(),
            is_current => self.is_current(),
            current_url => relative(path, &format!("services/{name}/current/index.html")),
            release => Serde(&self.edition.release),
            tabs => Serde(tabs),
            versions => Serde(versions),
        }
    }

    fn title(self, part: &str) -> String {
        format!("{part} · {} {}", self.service.name, self.edition.version)
    }

    fn guide(self, pages: &mut Pages<'_>) {
        let path = self.path("index.html");
        let from = format!("services/{}/README.md", self.service.name);
        let site = pages.site;
        let guide = markdown::render(&self.service.readme, &|link| {
            target(site, &from, &path, link)
        });
        let contract = &self.edition.contract;
        if self.is_current() {
            let title = self.service.name.clone();
            pages.document_entries(&path, &title, "Guide", &guide.sections);
        }
        let context = context! {
            facts => Serde(&contract.facts),
            groups => Serde(api::groups(&contract.openapi)),
            guide => self.is_current().then_some(&guide.html),
            contents => Serde(&guide.sections),
            events => contract.events.len(),
            codes => contract.errors.iter().filter(|code| !code.common).count(),
            ..self.frame(&path, "index.html")
        };
        pages.page(&path, "guide.html", &self.title("Guide"), context);
    }

    fn endpoints(self, pages: &mut Pages<'_>) {
        let path = self.path("api.html");
        let groups = api::groups(&self.edition.contract.openapi);
        if self.is_current() {
            for operation in groups.iter().flat_map(|group| &group.operations) {
                let title = format!("{} {}", operation.method, operation.path);
                let text = format!("{}. {}", operation.summary, operation.about);
                let url = format!("{path}#{}", operation.anchor);
                pages.entry(url, &title, &self.place("Endpoint"), text);
            }
        }
        let stem = format!("data/{}-{}", self.service.name, self.edition.slug);
        let data = pages
            .output
            .add_hashed(&stem, "js", api::shown(self.edition));
        let context = context! {
            groups => Serde(groups),
            document => data,
            openapi => relative(&path, &self.path("raw/openapi.json")),
            ..self.frame(&path, "api.html")
        };
        pages.page(&path, "api.html", &self.title("Endpoints"), context);
    }

    fn events(self, pages: &mut Pages<'_>) {
        let path = self.path("events.html");
        let contract = &self.edition.contract;
        let events: Vec<EventView> = contract
            .events
            .iter()
            .map(|event| EventView::of(pages, self.service, event))
            .collect();
        if self.is_current() {
            for event in &events {
                let url = format!("{path}#{}", event.kind);
                pages.entry(url, &event.kind, &self.place("Event"), event.text.clone());
            }
        }
        let context = context! {
            events => Serde(events),
            consumes => consumed(pages, &path, &contract.facts.consumes),
            ..self.frame(&path, "events.html")
        };
        pages.page(&path, "events.html", &self.title("Events"), context);
    }

    fn grpc(self, pages: &mut Pages<'_>) {
        let path = self.path("grpc.html");
        let text = self.edition.contract.grpc.as_deref().unwrap_or_default();
        let grpc = markdown::render(text, &|link| markdown::Target::Url(link.to_owned()));
        if self.is_current() && !text.is_empty() {
            pages.document_entries(&path, "gRPC", &self.service.name, &grpc.sections);
        }
        let context = context! {
            html => &grpc.html,
            contents => Serde(&grpc.sections),
            ..self.frame(&path, "grpc.html")
        };
        pages.page(&path, "grpc.html", &self.title("gRPC"), context);
    }

    fn errors(self, pages: &mut Pages<'_>) {
        let path = self.path("errors.html");
        let groups = api::groups(&self.edition.contract.openapi);
        let (common, own): (Vec<CodeView>, Vec<CodeView>) = self
            .edition
            .contract
            .errors
            .iter()
            .map(|code| CodeView::of(code, &groups, "api.html"))
            .partition(|code| code.common);
        let context = context! {
            own => Serde(own),
            common => Serde(common),
            ..self.frame(&path, "errors.html")
        };
        pages.page(&path, "errors.html", &self.title("Error codes"), context);
    }

    fn settings(self, pages: &mut Pages<'_>) {
        let path = self.path("settings.html");
        let text = self
            .edition
            .contract
            .settings
            .as_deref()
            .unwrap_or_default();
        let settings = settings(text);
        if self.is_current() {
            for setting in &settings {
                let url = format!("{path}#{}", setting.key);
                let text = markdown::plain(&setting.about_text);
                pages.entry(url, &setting.key, &self.place("Setting"), text);
            }
        }
        let rest = markdown::render(text, &|link| markdown::Target::Url(link.to_owned()));
        let context = context! {
            groups => Serde(by_group(settings)),
            html => &rest.html,
            ..self.frame(&path, "settings.html")
        };
        pages.page(&path, "settings.html", &self.title("Settings"), context);
    }

    fn downloads(self, pages: &mut Pages<'_>) {
        let path = self.path("downloads.html");
        let mut files = Vec::new();
        for Download {
            path: file,
            content,
        } in &self.edition.contract.downloads
        {
            pages
                .output
                .add(self.path(&format!("raw/{file}")), content.as_slice());
            files.push(context! {
                path => file,
                url => format!("raw/{file}"),
                size => content.len().div_ceil(1024),
                about => about_file(file),
            });
        }
        let context = context! { files, ..self.frame(&path, "downloads.html") };
        pages.page(&path, "downloads.html", &self.title("Downloads"), context);
    }

    fn changelog(self, pages: &mut Pages<'_>) {
        let path = format!("services/{}/changelog.html", self.service.name);
        let from = format!("services/{}/CHANGELOG.md", self.service.name);
        let site = pages.site;
        let log = markdown::render(&self.service.changelog, &|link| {
            target(site, &from, &path, link)
        });
        pages.document_entries(&path, "Changelog", &self.service.name, &log.sections);
        let context = context! {
            html => &log.html,
            contents => Serde(&log.sections),
            ..self.frame(&path, "changelog.html")
        };
        pages.page(
            &path,
            "changelog.html",
            &format!("Changelog · {}", self.service.name),
            context,
        );
    }

    fn graph(self, pages: &mut Pages<'_>) {
        let name = &self.service.name;
        let path = format!("services/{name}/graph.html");
        let graph = Graph::of(pages.site).around(name);
        let link = |name: &str| relative(&path, &format!("services/{name}/current/index.html"));
        let sentences: Vec<String> = graph
            .edges
            .iter()
            .map(crate::graph::Edge::sentence)
            .collect();
        let context = context! {
            svg => graph.svg("module", Some(name), &link),
            sentences,
            ..self.frame(&path, "graph.html")
        };
        pages.page(
            &path,
            "graph.html",
            &format!("Module graph · {name}"),
            context,
        );
    }
}

fn about_file(path: &str) -> &'static str {
    match path {
        "openapi.json" => "OpenAPI 3.1 document of the HTTP interface",
        "errors.json" => "Error codes with status and advice",
        "module.json" => "Facts of the module",
        "config.md" => "Settings, for people",
        "schemas/config.json" => "JSON Schema of the settings file",
        "grpc.md" => "gRPC interface, for people",
        "release.json" => "Record of the release",
        _ if path.starts_with("schemas/events/") => "JSON Schema of an event",
        _ if path.ends_with(".proto") => "Protocol Buffers definition",
        _ => "",
    }
}
