//! The pages, one file per kind. Each collects what its templates show and
//! what the search shall find; everything is rendered at the end, when the
//! names of all files are known.

mod api;
mod changes;
mod edition;
mod handbook;
mod platform;
mod settings;
mod views;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::assets::Assets;
use crate::error::BuildError;
use crate::markdown::{Section, Target, escape};
use crate::output::Output;
use crate::search::{self, Entry};
use crate::source::Site;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "api.html",
    "base.html",
    "changelog.html",
    "changes.html",
    "difference.html",
    "document.html",
    "downloads.html",
    "errors.html",
    "events.html",
    "forward.html",
    "graph.html",
    "grpc.html",
    "guide.html",
    "handbook.html",
    "home.html",
    "macros.html",
    "not_found.html",
    "platform_errors.html",
    "platform_events.html",
    "platform_modules.html",
    "service.html",
    "settings.html",
];

/// Puts all pages into the site.
pub(crate) fn render(site: &Site, assets: &Assets, output: &mut Output) -> Result<(), BuildError> {
    let mut pages = Pages {
        site,
        output,
        entries: Vec::new(),
        queue: Vec::new(),
    };
    platform::add(&mut pages);
    for service in &site.services {
        edition::add(&mut pages, service);
        changes::add(&mut pages, service)?;
    }
    handbook::add(&mut pages);
    pages.finish(assets)
}

/// Collects pages.
pub(crate) struct Pages<'a> {
    pub(crate) site: &'a Site,
    pub(crate) output: &'a mut Output,
    entries: Vec<Entry>,
    queue: Vec<Page>,
}

struct Page {
    path: String,
    template: &'static str,
    title: String,
    context: Value,
}

impl Pages<'_> {
    /// Adds a page.
    fn page(&mut self, path: &str, template: &'static str, title: &str, context: Value) {
        self.queue.push(Page {
            path: path.to_owned(),
            template,
            title: title.to_owned(),
            context,
        });
    }

    /// Lets the search find something.
    fn entry(&mut self, url: String, title: &str, place: &str, text: String) {
        self.entries.push(Entry {
            url,
            title: title.to_owned(),
            place: place.to_owned(),
            text,
        });
    }

    /// Lets the search find each part of a document.
    fn document_entries(&mut self, path: &str, title: &str, place: &str, sections: &[Section]) {
        for section in sections {
            let text = section.text.trim().to_owned();
            match section.id.as_str() {
                "" => self.entry(path.to_owned(), title, place, text),
                id => {
                    let place = format!("{place} · {title}");
                    self.entry(format!("{path}#{id}"), &section.title, &place, text);
                }
            }
        }
    }

    fn finish(self, assets: &Assets) -> Result<(), BuildError> {
        let index = search::index(&self.entries);
        let script = format!("self.shoalSearchIndex={index};\n");
        let index = self.output.add_hashed("assets/search-index", "js", script);
        let env = environment()?;
        for page in self.queue {
            let root = "../".repeat(page.path.matches('/').count());
            // The page that stands for any missing one is shown below any path.
            let root = if page.path == "404.html" {
                "/docs/".to_owned()
            } else {
                root
            };
            let shared = context! {
                root,
                assets => Serde(assets),
                search_index => &index,
                path => &page.path,
                title => &page.title,
            };
            let context = context! { ..page.context, ..shared };
            let html = env.get_template(page.template)?.render(context)?;
            self.output.add(page.path, html);
        }
        Ok(())
    }
}

fn environment() -> Result<Environment<'static>, BuildError> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    // The engine's own escapes slashes too, which makes addresses unreadable.
    env.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => Ok(out.write_str(&escape(text))?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    env.set_undefined_behavior(minijinja::UndefinedBehavior::SemiStrict);
    for (name, text) in TEMPLATES {
        env.add_template(name, text)?;
    }
    Ok(env)
}

/// Path on the site of a document of the repository.
pub(crate) fn page_of(site: &Site, path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("services/") {
        let (name, file) = rest.split_once('/').unwrap_or((rest, ""));
        let _known = site.service(name)?;
        return match file {
            "" | "README.md" => Some(format!("services/{name}/current/index.html")),
            "CHANGELOG.md" => Some(format!("services/{name}/changelog.html")),
            "contract/openapi.json" => Some(format!("services/{name}/current/api.html")),
            "contract/config.md" => Some(format!("services/{name}/current/settings.html")),
            "contract/grpc.md" => Some(format!("services/{name}/current/grpc.html")),
            _ => None,
        };
    }
    let known = site.handbook.iter().any(|document| document.path == path);
    known.then(|| handbook::path_of(path))
}

/// Where a link in a document of the repository leads; `from` is the
/// document's path in the repository, `page` that of its page on the site.
pub(crate) fn target(site: &Site, from: &str, page: &str, link: &str) -> Target {
    if link.contains("://") || link.starts_with("mailto:") || link.starts_with('#') {
        return Target::Url(link.to_owned());
    }
    let (path, fragment) = match link.split_once('#') {
        Some((path, fragment)) => (path, format!("#{fragment}")),
        None => (link, String::new()),
    };
    let Some(path) = crate::links::resolve(from, path.trim_start_matches('/')) else {
        // Left as it is, so that the check of links names it.
        return Target::Url(link.to_owned());
    };
    if let Some(target) = page_of(site, &path) {
        return Target::Url(format!("{}{fragment}", relative(page, &target)));
    }
    if site.pictures.iter().any(|(picture, _)| *picture == path) {
        return Target::Url(relative(page, &format!("pictures/{path}")));
    }
    let document =
        path.ends_with(".md") && (path.starts_with("docs/") || path.starts_with("services/"));
    match document {
        // A document that should be there and is not.
        true => Target::Url(relative(page, &path)),
        false => Target::File(path),
    }
}

/// The link from one page of the site to another.
pub(crate) fn relative(from: &str, to: &str) -> String {
    format!("{}{to}", "../".repeat(from.matches('/').count()))
}
