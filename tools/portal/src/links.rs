//! Refuses a site with links that lead nowhere, or to the outside for anything
//! that a page needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::BuildError;
use crate::output::Output;

/// What the gateway answers itself, beside the files.
const LIVE: &[&str] = &["openapi.json", "health.json"];

/// Checks every page.
pub(crate) fn check(output: &Output) -> Result<(), BuildError> {
    let pages: BTreeMap<&str, Page<'_>> = output
        .files()
        .filter(|(path, _)| path.ends_with(".html"))
        .filter_map(|(path, content)| Some((path, Page::scan(std::str::from_utf8(content).ok()?))))
        .collect();
    let mut dead = BTreeSet::new();
    for (path, page) in &pages {
        for link in &page.links {
            if let Some(why) = fault(output, &pages, path, link) {
                dead.insert(format!("  {path}: {} ({why})", link.target));
            }
        }
    }
    if dead.is_empty() {
        return Ok(());
    }
    Err(BuildError::DeadLinks(dead.into_iter().collect()))
}

/// Why a link is not good.
fn fault(
    output: &Output,
    pages: &BTreeMap<&str, Page<'_>>,
    from: &str,
    link: &Link<'_>,
) -> Option<&'static str> {
    if has_scheme(link.target) {
        return link
            .loads
            .then_some("a page may load nothing from the outside");
    }
    // The page for what is missing is shown below any path, so it starts at the top.
    let from_top = link
        .target
        .strip_prefix("/docs/")
        .filter(|_| from == "404.html");
    let link = &Link {
        target: from_top.unwrap_or(link.target),
        ..*link
    };
    if link.target.starts_with('/') {
        return Some("links are relative, so that the site works below any path");
    }
    let (path, fragment) = link.target.split_once('#').unwrap_or((link.target, ""));
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let target = if path.is_empty() {
        from.to_owned()
    } else {
        match resolve(from, path) {
            Some(target) => target,
            None => return Some("it leaves the site"),
        }
    };
    if LIVE.contains(&target.as_str()) {
        return None;
    }
    if !output.has(&target) {
        return Some("there is no such file");
    }
    let page = pages.get(target.as_str())?;
    // Scalar makes the anchors of its page itself.
    let known = fragment.is_empty() || page.ids.contains(fragment) || target.ends_with("/api.html");
    (!known).then_some("the page has no such anchor")
}

fn has_scheme(target: &str) -> bool {
    ["http://", "https://", "mailto:", "data:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

/// The path that a relative one means on a page; `None` above the top.
pub(crate) fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

struct Page<'a> {
    ids: BTreeSet<&'a str>,
    links: Vec<Link<'a>>,
}

struct Link<'a> {
    target: &'a str,
    /// The browser fetches it without being asked.
    loads: bool,
}

impl<'a> Page<'a> {
    /// Ids and links of a page. Attributes are quoted with `"` by templates and
    /// by the markdown renderer alike, and text has `<` escaped, so tags can be
    /// found without a parser.
    fn scan(html: &'a str) -> Self {
        let mut page = Self {
            ids: BTreeSet::new(),
            links: Vec::new(),
        };
        for tag in html.split('<').skip(1) {
            let tag = tag.split_once('>').map_or(tag, |(tag, _)| tag);
            page.ids.extend(attribute(tag, "id"));
            let fetched = tag.starts_with("link ");
            page.links.extend(attribute(tag, "href").map(|target| Link {
                target,
                loads: fetched,
            }));
            page.links.extend(
                ["src", "data-load"]
                    .iter()
                    .filter_map(|name| attribute(tag, name))
                    .map(|target| Link {
                        target,
                        loads: true,
                    }),
            );
        }
        page
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag.get(start..)?.split('"').next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn site(pages: &[(&str, &str)]) -> Output {
        let mut output = Output::default();
        for (path, html) in pages {
            output.add(*path, *html);
        }
        output
    }

    fn faults(pages: &[(&str, &str)]) -> Vec<String> {
        match check(&site(pages)) {
            Ok(()) => Vec::new(),
            Err(BuildError::DeadLinks(links)) => links,
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn links_that_lead_somewhere_are_good() {
        let pages = [
            (
                "a.html",
                r##"<a href="b/c.html#x">x</a><a href="#y" id="y">y</a><a href="openapi.json">"##,
            ),
            (
                "b/c.html",
                r#"<h2 id="x">x</h2><a href="../a.html">a</a><a href="https://semver.org">s</a>"#,
            ),
        ];
        assert_eq!(faults(&pages), Vec::<String>::new());
    }

    #[test]
    fn a_missing_page_a_missing_anchor_and_a_way_out_are_each_named() {
        let pages = [(
            "a.html",
            r##"<a href="no.html">1</a><a href="#no">2</a><a href="../../up.html">3</a><a href="/abs.html">4</a>"##,
        )];
        let found = faults(&pages);
        assert_eq!(found.len(), 4, "{found:?}");
        for (target, why) in [
            ("no.html", "no such file"),
            ("#no", "no such anchor"),
            ("../../up.html", "leaves the site"),
            ("/abs.html", "relative"),
        ] {
            let line = found
                .iter()
                .find(|line| line.contains(&format!(" {target} ")));
            assert!(line.unwrap().contains(why), "{found:?}");
        }
    }

    #[test]
    fn a_page_that_loads_something_from_the_outside_is_refused() {
        for html in [
            r#"<script src="https://cdn.example/x.js"></script>"#,
            r#"<link rel="stylesheet" href="https://cdn.example/x.css">"#,
            r#"<img src="http://cdn.example/x.png" alt="">"#,
        ] {
            assert_eq!(faults(&[("a.html", html)]).len(), 1, "{html}");
        }
    }
}
