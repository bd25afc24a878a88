//! Markdown to HTML, with anchors at headings and links that fit the site.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Longest code, in bytes, that stays on one line.
const SHORT: usize = 28;

/// Where a link of a document leads on the site.
pub(crate) enum Target {
    /// There.
    Url(String),
    /// To a file of the repository that the site does not show.
    File(String),
}

/// A rendered document.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    /// Its first-level heading, as text.
    pub(crate) title: Option<String>,
    /// Everything but the first-level heading.
    pub(crate) html: String,
    /// Parts by heading; the first is what stands before any.
    pub(crate) sections: Vec<Section>,
}

/// What stands below one heading.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Section {
    /// 2 to 6; 1 for what stands before any.
    pub(crate) level: u8,
    /// Anchor; empty for what stands before any.
    pub(crate) id: String,
    pub(crate) title: String,
    /// Its text without markup, for the search.
    pub(crate) text: String,
}

/// Renders a document; `link` says where its links lead.
pub(crate) fn render(text: &str, link: &dyn Fn(&str) -> Target) -> Rendered {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS;
    let mut state = State {
        link,
        out: Vec::new(),
        rendered: Rendered::default(),
        link_ends: Vec::new(),
        heading: None,
    };
    state.rendered.sections.push(Section {
        level: 1,
        ..Section::default()
    });
    for event in Parser::new_ext(text, options) {
        state.take(event);
    }
    let mut html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, state.out.into_iter());
    state.rendered.html = html;
    state.rendered
}

/// Renders text that is one paragraph or less, such as a description in a
/// contract; links in it stay as they are.
pub(crate) fn inline(text: &str) -> String {
    let html = render(text, &|target| Target::Url(target.to_owned())).html;
    let html = html.trim();
    match html
        .strip_prefix("<p>")
        .and_then(|h| h.strip_suffix("</p>"))
    {
        Some(inner) if !inner.contains("<p>") => inner.to_owned(),
        _ => html.to_owned(),
    }
}

/// Text without markup.
pub(crate) fn plain(text: &str) -> String {
    let rendered = render(text, &|target| Target::Url(target.to_owned()));
    let texts = rendered.sections.iter();
    let texts: Vec<&str> = texts.map(|section| section.text.trim()).collect();
    texts.join(" ").trim().to_owned()
}

struct State<'a> {
    link: &'a dyn Fn(&str) -> Target,
    out: Vec<Event<'a>>,
    rendered: Rendered,
    /// What closes the links that are open.
    link_ends: Vec<Option<&'static str>>,
    /// The heading that is being read: its level, its text, and where it began.
    heading: Option<(u8, String, usize)>,
}

impl<'a> State<'a> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.heading = Some((number(level), String::new(), self.out.len()));
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Link { dest_url, .. }) => self.start_link(&dest_url),
            Event::End(TagEnd::Link) => match self.link_ends.pop().flatten() {
                Some(end) => self.html(end.to_owned()),
                None => self.out.push(Event::End(TagEnd::Link)),
            },
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let dest_url = match (self.link)(&dest_url) {
                    Target::Url(url) => url.into(),
                    Target::File(_) => dest_url,
                };
                self.out.push(Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                }));
            }
            // What is wider than the page scrolls by itself, with the keyboard too.
            Event::Start(Tag::Table(alignment)) => {
                self.html(r#"<div class="scroll" tabindex="0" role="group" aria-label="Table">"#);
                self.out.push(Event::Start(Tag::Table(alignment)));
            }
            Event::End(TagEnd::Table) => {
                self.out.push(Event::End(TagEnd::Table));
                self.html("</div>");
            }
            // A flag or a key is not torn apart at the end of a line.
            Event::Code(text) if text.len() <= SHORT => {
                self.note(&Event::Code(text.clone()));
                self.html(format!(r#"<code class="short">{}</code>"#, escape(&text)));
            }
            Event::Start(Tag::CodeBlock(kind)) => self.start_code(&kind),
            Event::End(TagEnd::CodeBlock) => self.html("</code></pre>"),
            event => {
                self.note(&event);
                self.out.push(event);
            }
        }
    }

    fn html(&mut self, html: impl Into<CowStr<'a>>) {
        self.out.push(Event::Html(html.into()));
    }

    fn start_code(&mut self, kind: &CodeBlockKind<'_>) {
        let class = match kind {
            CodeBlockKind::Fenced(language) => language.split([' ', ',']).next().unwrap_or(""),
            CodeBlockKind::Indented => "",
        };
        let class: String = class.chars().filter(char::is_ascii_alphanumeric).collect();
        self.html(format!(
            r#"<pre tabindex="0" role="group" aria-label="Code"><code class="language-{class}">"#
        ));
    }

    fn start_link(&mut self, target: &str) {
        match (self.link)(target) {
            Target::Url(url) => {
                let url = escape(&url);
                self.html(format!(r#"<a href="{url}">"#));
                self.link_ends.push(Some("</a>"));
            }
            Target::File(path) => {
                let path = escape(&path);
                self.html(format!(
                    r#"<span class="file" title="In the repository: {path}">"#
                ));
                self.link_ends.push(Some("</span>"));
            }
        }
    }

    /// Text goes to the heading that is open, or to the section.
    fn note(&mut self, event: &Event<'_>) {
        let text: &str = match event {
            Event::Text(text) | Event::Code(text) => text,
            Event::SoftBreak | Event::HardBreak => " ",
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::TableRow) => {
                " "
            }
            _ => return,
        };
        match (&mut self.heading, self.rendered.sections.last_mut()) {
            (Some((_, heading, _)), _) => heading.push_str(text),
            (None, Some(section)) => section.text.push_str(text),
            (None, None) => {}
        }
    }

    fn end_heading(&mut self) {
        let Some((level, title, start)) = self.heading.take() else {
            return;
        };
        let inner = self.out.split_off(start);
        if level == 1 && self.rendered.title.is_none() {
            self.rendered.title = Some(title);
            return;
        }
        let id = self.free_id(&title);
        // A page has one heading of the first level, its title.
        let level = level.max(2);
        self.html(format!(r#"<h{level} id="{id}">"#));
        self.out.extend(inner);
        let name = escape(&title);
        self.html(format!(
            r##"<a class="anchor" href="#{id}" aria-label="Link to “{name}”">#</a></h{level}>"##
        ));
        self.rendered.sections.push(Section {
            level,
            id,
            title,
            text: String::new(),
        });
    }

    /// The anchor that forges make of a heading, numbered when it is taken.
    fn free_id(&self, title: &str) -> String {
        let slug = slug(title);
        let taken = |id: &str| {
            self.rendered
                .sections
                .iter()
                .any(|section| section.id == id)
        };
        if !taken(&slug) {
            return slug;
        }
        let mut numbered = (1..).map(|n| format!("{slug}-{n}"));
        numbered.find(|id| !taken(id)).unwrap_or(slug)
    }
}

/// The anchor that forges make of a heading.
pub(crate) fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// Text for HTML, attributes included.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Rendered {
        render(text, &|target| match target.strip_prefix("src/") {
            Some(file) => Target::File(file.to_owned()),
            None => Target::Url(format!("x/{target}")),
        })
    }

    #[test]
    fn headings_get_anchors_as_on_the_forges_and_the_first_becomes_the_title() {
        let rendered =
            shown("# The `order` module\nIntro.\n\n## What it is\nA\n\n## What it is\nB\n");
        assert_eq!(rendered.title.as_deref(), Some("The order module"));
        assert!(!rendered.html.contains("<h1"));
        let ids: Vec<&str> = rendered.sections.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["", "what-it-is", "what-it-is-1"]);
        assert_eq!(rendered.sections[1].text.trim(), "A");
    }

    #[test]
    fn links_are_rewritten_and_files_that_are_not_shown_are_no_links() {
        let html = shown("[a](b.md) and [c](src/d.rs)").html;
        assert!(html.contains(r#"<a href="x/b.md">a</a>"#), "{html}");
        assert!(
            html.contains(r#"<span class="file""#) && !html.contains("src/d.rs"),
            "{html}"
        );
    }

    #[test]
    fn markup_in_text_and_code_is_escaped() {
        let html = shown("`<b>`\n\n```html\n<script>\n```\n").html;
        assert!(html.contains("&lt;b&gt;</code>"), "{html}");
        assert!(
            html.contains("&lt;script&gt;") && html.contains("</code></pre>"),
            "{html}"
        );
    }

    #[test]
    fn inline_text_loses_its_paragraph() {
        assert_eq!(inline("a `b`"), "a <code class=\"short\">b</code>");
        assert_eq!(plain("a `b` [c](d)\n\ne"), "a b c e");
    }
}
