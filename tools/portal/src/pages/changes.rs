//! What changed between any two versions of a module.

use minijinja::context;
use minijinja::value::Serde;

use super::edition::Of;
use super::{Pages, relative};
use crate::changes::{self, Difference};
use crate::error::BuildError;
use crate::source::Service;

/// Adds a page per pair of versions, and the page that leads to them.
pub(super) fn add(pages: &mut Pages<'_>, service: &Service) -> Result<(), BuildError> {
    let of = Of {
        service,
        edition: service.current(),
    };
    let mut pairs = Vec::new();
    // Newest first: each version with all that are older.
    for (i, new) in service.editions.iter().enumerate() {
        for old in service.editions.iter().skip(i + 1) {
            let difference = changes::between(service, old, new)?;
            let file = format!("changes/{}...{}.html", old.slug, new.slug);
            let path = format!("services/{}/{file}", service.name);
            let title = format!("{} {} → {}", service.name, old.label(), new.label());
            pairs.push(context! {
                old => old.label(),
                new => new.label(),
                url => &file,
                verdict => difference.verdict(),
                breaking => difference.breaking(),
                count => difference.findings.len(),
            });
            page(pages, of, &path, &title, &difference);
        }
    }
    let path = format!("services/{}/changes.html", service.name);
    let context = context! { pairs, ..of.frame(&path, "changes.html") };
    pages.page(
        &path,
        "changes.html",
        &format!("What changed · {}", service.name),
        context,
    );
    Ok(())
}

fn page(pages: &mut Pages<'_>, of: Of<'_>, path: &str, title: &str, difference: &Difference) {
    let context = context! {
        difference => Serde(difference),
        verdict => difference.verdict(),
        breaking => difference.breaking(),
        groups => Serde(difference.groups()),
        overview => relative(path, &format!("services/{}/changes.html", of.service.name)),
        ..of.frame(path, "changes.html")
    };
    pages.page(path, "difference.html", title, context);
}
