//! A trace as text: a tree of spans with times, made to be read by a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::trace_store::SpanRecord;

const BAR: usize = 24;
const NAME: usize = 58;

/// Attributes worth a place on the line, with the short name they get there.
const SHOWN: [(&str, &str); 17] = [
    ("http.response.status_code", "status"),
    ("rpc.response.status_code", "code"),
    ("error.type", "error"),
    ("rpc.attempts", "attempts"),
    ("server.address", "at"),
    ("db.system.name", "db"),
    ("db.response.returned_rows", "rows"),
    ("db.statement", "sql"),
    ("db.query.summary", "sql"),
    ("messaging.destination.name", "topic"),
    ("messaging.message.id", "message"),
    ("saga.name", "saga"),
    ("saga.step", "step"),
    ("gray.version", "gray"),
    ("instance.gray", "instance"),
    ("order.id", "order"),
    ("user.id", "user"),
];

/// Draws the spans of one trace. `spans` in any order; spans whose parent is
/// not among them (a caller outside, or still running) stand at the left.
pub fn waterfall(trace_id: &str, spans: &[SpanRecord]) -> String {
    let Some(start) = spans.iter().map(|span| span.start).min() else {
        return format!(
            "Trace {trace_id}: nothing is kept under this id (unknown, or forgotten).\n"
        );
    };
    let end = spans
        .iter()
        .map(|span| span.start + span.duration)
        .max()
        .unwrap_or(start);
    let services: BTreeSet<_> = spans.iter().map(|span| span.service.as_str()).collect();
    let errors = spans.iter().filter(|span| span.error.is_some()).count();
    let view = View {
        start,
        total: end.duration_since(start).unwrap_or_default(),
        service_width: services.iter().map(|name| name.len()).max().unwrap_or(0),
        children: children(spans),
    };
    let mut out = format!(
        "Trace {trace_id}\n{} span{}, {} service{} ({}), {}, {}\n\n",
        spans.len(),
        plural(spans.len()),
        services.len(),
        plural(services.len()),
        services.iter().copied().collect::<Vec<_>>().join(", "),
        human(view.total),
        match errors {
            0 => "no error".to_owned(),
            n => format!("{n} error{}", plural(n)),
        },
    );
    let _ = writeln!(
        out,
        "{:>9} {:>9}  {:BAR$}  {:width$}  span",
        "start",
        "took",
        "",
        "service",
        width = view.service_width
    );
    for root in view.children.get("").into_iter().flatten() {
        view.draw(root, "", "", &mut out);
    }
    out
}

struct View<'a> {
    start: std::time::SystemTime,
    total: Duration,
    service_width: usize,
    /// By parent id; the empty id stands for "no parent here".
    children: BTreeMap<&'a str, Vec<&'a SpanRecord>>,
}

impl View<'_> {
    /// `lead` comes before the span's own line, `below` before its children's.
    fn draw(&self, span: &SpanRecord, lead: &str, below: &str, out: &mut String) {
        let offset = span.start.duration_since(self.start).unwrap_or_default();
        let mark = if span.error.is_some() { "✗ " } else { "" };
        let title = clip(
            &format!("{lead}{mark}{}{}", kind_mark(span.kind), span.name),
            NAME,
        );
        let _ = write!(
            out,
            "{:>9} {:>9}  {}  {:width$}  {title}",
            human(offset),
            human(span.duration),
            self.bar(offset, span.duration),
            span.service,
            width = self.service_width
        );
        let facts = facts(span);
        if !facts.is_empty() {
            let _ = write!(out, "  [{facts}]");
        }
        out.push('\n');
        self.notes(span, below, out);
        let list = self
            .children
            .get(span.span_id.as_str())
            .map_or(&[][..], Vec::as_slice);
        for (at, child) in list.iter().enumerate() {
            let last = at + 1 == list.len();
            let (branch, rest) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            self.draw(
                child,
                &format!("{below}{branch}"),
                &format!("{below}{rest}"),
                out,
            );
        }
    }

    /// Error text and what was logged, under the span's line.
    fn notes(&self, span: &SpanRecord, below: &str, out: &mut String) {
        let margin = 9 + 1 + 9 + 2 + BAR + 2 + self.service_width + 2;
        let logged = span
            .events
            .iter()
            .map(|(at, text)| format!("{}: {text}", human(*at)));
        for note in span
            .error
            .iter()
            .map(|e| format!("error: {e}"))
            .chain(logged)
        {
            let _ = writeln!(out, "{:margin$}{below}   ! {}", "", clip(&note, 120));
        }
    }

    fn bar(&self, offset: Duration, took: Duration) -> String {
        let scale = |d: Duration| {
            let share = d.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE);
            (share * BAR as f64).round() as usize
        };
        let from = scale(offset).min(BAR - 1);
        let len = scale(took).clamp(1, BAR - from);
        format!(
            "{}{}{}",
            "·".repeat(from),
            "█".repeat(len),
            "·".repeat(BAR - from - len)
        )
    }
}

fn children(spans: &[SpanRecord]) -> BTreeMap<&str, Vec<&SpanRecord>> {
    let known: BTreeSet<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&SpanRecord>> = BTreeMap::new();
    for span in spans {
        let parent = span
            .parent_id
            .as_deref()
            .filter(|id| known.contains(id))
            .unwrap_or("");
        children.entry(parent).or_default().push(span);
    }
    for list in children.values_mut() {
        list.sort_by_key(|span| span.start);
    }
    children
}

fn facts(span: &SpanRecord) -> String {
    let find = |key: &str| span.attributes.iter().find(|(name, _)| name == key);
    let shown = SHOWN.iter().filter_map(|(key, short)| {
        find(key).map(|(_, value)| format!("{short}={}", clip(value, 60)))
    });
    shown.collect::<Vec<_>>().join(" ")
}

const fn kind_mark(kind: &str) -> &'static str {
    // What comes in, what goes out, what is queued: seen at a glance.
    match kind.as_bytes() {
        b"server" => "→ ",
        b"client" => "← ",
        b"producer" => "⇢ ",
        b"consumer" => "⇠ ",
        _ => "",
    }
}

fn human(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

fn clip(text: &str, width: usize) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= width {
        return text;
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
