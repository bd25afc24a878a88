//! Pages about all modules at once: home, errors, events, the graph.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::views::{CodeView, consumers};
use super::{Pages, api};
use crate::graph::{Edge, Graph};
use crate::markdown;
use crate::samples;

/// Adds all of them.
pub(super) fn add(pages: &mut Pages<'_>) {
    home(pages);
    errors(pages);
    events(pages);
    modules(pages);
    let context = context! { section => "" };
    pages.page("404.html", "not_found.html", "Not found", context);
}

fn home(pages: &mut Pages<'_>) {
    let services: Vec<Value> = pages
        .site
        .services
        .iter()
        .map(|service| {
            let current = service.current();
            let released = service.editions.iter().find_map(|e| e.release.as_ref());
            context! {
                name => &service.name,
                about => &service.about,
                owner => &service.owner,
                version => &current.version,
                released => released.map(|r| format!("{} on {}", r.version, r.date)),
                operations => samples::operations(&current.contract.openapi).count(),
                events => current.contract.events.len(),
                grpc => current.contract.facts.grpc.len(),
                codes => current.contract.errors.iter().filter(|c| !c.common).count(),
            }
        })
        .collect();
    let guides = super::handbook::list(pages.site, crate::source::Kind::Guide);
    let context = context! { section => "home", services, guides };
    pages.page("index.html", "home.html", "Home", context);
}

/// The page that the `type` of every problem document leads to.
fn errors(pages: &mut Pages<'_>) {
    let mut groups = Vec::new();
    let mut common: BTreeMap<String, CodeView> = BTreeMap::new();
    for service in &pages.site.services {
        let contract = &service.current().contract;
        let operations = api::groups(&contract.openapi);
        let page = format!("services/{}/current/api.html", service.name);
        let mut own = Vec::new();
        for code in &contract.errors {
            let view = CodeView::of(code, &operations, &page);
            if code.common {
                common.entry(code.code.clone()).or_insert(view);
            } else {
                own.push(view);
            }
        }
        if !own.is_empty() {
            groups.push((service.name.clone(), own));
        }
    }
    if !common.is_empty() {
        groups.push(("every module".to_owned(), common.into_values().collect()));
    }
    for (name, codes) in &groups {
        for code in codes {
            let text = format!("{}. {}", code.title, code.action_text);
            let url = format!("errors.html#{}", code.code);
            pages.entry(url, &code.code, &format!("{name} · Error code"), text);
        }
    }
    let context = context! {
        section => "errors",
        count => groups.iter().map(|(_, codes)| codes.len()).sum::<usize>(),
        groups => Serde(&groups),
    };
    pages.page(
        "errors.html",
        "platform_errors.html",
        "Error codes",
        context,
    );
}

fn events(pages: &mut Pages<'_>) {
    let mut publishers = Vec::new();
    for service in &pages.site.services {
        let events: Vec<Value> = service
            .current()
            .contract
            .events
            .iter()
            .map(|event| {
                let about = event.schema["description"].as_str().unwrap_or_default();
                // The first sentence says enough in a table.
                let first = about.split("\n\n").next().unwrap_or_default();
                context! {
                    kind => &event.kind,
                    about => markdown::inline(first),
                    consumers => consumers(pages, service, &event.kind),
                }
            })
            .collect();
        if !events.is_empty() {
            publishers.push(context! { name => &service.name, events });
        }
    }
    let context = context! { section => "events", publishers };
    pages.page("events.html", "platform_events.html", "Events", context);
}

fn modules(pages: &mut Pages<'_>) {
    let graph = Graph::of(pages.site);
    let link = |name: &str| format!("services/{name}/current/index.html");
    let context = context! {
        section => "modules",
        svg => graph.svg("platform", None, &link),
        sentences => graph.edges.iter().map(Edge::sentence).collect::<Vec<_>>(),
    };
    pages.page("modules.html", "platform_modules.html", "Modules", context);
}
