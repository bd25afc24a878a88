//! Documents of the repository: guides, reference, decisions, tools.

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::{Pages, target};
use crate::markdown;
use crate::source::{Kind, Site};

/// Adds the overview, every document, and the pictures that they show.
pub(super) fn add(pages: &mut Pages<'_>) {
    let site = pages.site;
    for (path, content) in &site.pictures {
        pages
            .output
            .add(format!("pictures/{path}"), content.as_slice());
    }
    for document in &site.handbook {
        let path = path_of(&document.path);
        let html = markdown::render(&document.text, &|link| {
            target(site, &document.path, &path, link)
        });
        let title = html.title.clone().unwrap_or_else(|| document.path.clone());
        pages.document_entries(&path, &title, document.kind.title(), &html.sections);
        let context = context! {
            section => "handbook",
            kind => document.kind.title(),
            source => &document.path,
            html => &html.html,
            contents => Serde(&html.sections),
            documents => groups(site),
        };
        pages.page(&path, "document.html", &title, context);
    }
    let context = context! { section => "handbook", documents => groups(site) };
    pages.page("handbook/index.html", "handbook.html", "Handbook", context);
}

/// Path of a document's page.
pub(super) fn path_of(path: &str) -> String {
    let path = path.strip_prefix("docs/").unwrap_or(path);
    let path = path
        .strip_suffix("/README.md")
        .or(path.strip_suffix(".md"))
        .unwrap_or(path);
    let path = path.to_lowercase();
    // `index` is the overview's.
    let path = if path == "readme" || path == "index" {
        "about"
    } else {
        &path
    };
    format!("handbook/{path}.html")
}

/// Title and address of the documents of one kind.
pub(super) fn list(site: &Site, kind: Kind) -> Vec<Value> {
    let of_kind = site
        .handbook
        .iter()
        .filter(|document| document.kind == kind);
    of_kind
        .map(|document| {
            let heading = document
                .text
                .lines()
                .find_map(|line| line.strip_prefix("# "));
            context! {
                // Not as markdown, which takes the number of a decision for a list.
                title => heading.unwrap_or(&document.path).replace('`', ""),
                path => path_of(&document.path),
            }
        })
        .collect()
}

fn groups(site: &Site) -> Vec<Value> {
    [Kind::Guide, Kind::Reference, Kind::Decision, Kind::Tool]
        .into_iter()
        .map(|kind| context! { title => kind.title(), documents => list(site, kind) })
        .collect()
}
