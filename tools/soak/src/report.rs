//! A run as a page: what was asked, what came, pictures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use shoal_error::{Error, Result, ResultExt as _};

use crate::faults::Band;
use crate::plot;
use crate::record::{Second, millis};
use crate::soak::Run;

/// Writes `report.md`, `report.html` and the pictures into the folder of the
/// report, if one is wanted; gives the text of `report.md`.
pub(crate) fn write(run: &Run) -> Result<String> {
    let text = markdown(run);
    if let Some(folder) = &run.options.report {
        std::fs::create_dir_all(folder).internal()?;
        plot::draw(folder, run).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(folder.join("report.md"), &text).internal()?;
        std::fs::write(folder.join("report.html"), page(run, folder)?).internal()?;
    }
    Ok(text)
}

fn markdown(run: &Run) -> String {
    let mut text = String::new();
    let all: u32 = run.record.seconds.iter().map(Second::all).sum();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} requests in {:.0} s, {} a second, seed {}.\n",
        all,
        run.options.time.as_secs_f64(),
        run.options.rate,
        run.options.seed,
    );
    text.push_str("| asked | | seen |\n|---|---|---|\n");
    for verdict in &run.verdicts {
        let held = if verdict.held { "yes" } else { "**no**" };
        let seen = verdict.seen.replace('|', "/").replace('\n', " ");
        let _ = writeln!(text, "| {} | {held} | {seen} |", verdict.asked);
    }
    for (file, title, _) in plot::PICTURES {
        let _ = writeln!(text, "\n![{title}]({file})");
    }
    text.push_str("\n| while | seconds | requests | failed | P50 | P99 | errors by code |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for (name, from, until) in stretches(&run.bands, run.options.time.as_secs_f64()) {
        text.push_str(&row(run, &name, from, until));
    }
    text.push_str("\n| request | number | P50 | P99 | slowest |\n|---|---|---|---|---|\n");
    for (kind, latencies) in &run.record.kinds {
        let ms = |quantile| in_words(millis(latencies, quantile));
        let number = latencies.as_ref().map_or(0, hdrhistogram::Histogram::len);
        let _ = writeln!(
            text,
            "| {kind} | {number} | {} | {} | {} |",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
    text
}

/// The faults and what lies between them.
fn stretches(bands: &[Band], end: f64) -> Vec<(String, f64, f64)> {
    let mut all = Vec::new();
    let mut at = 0.0;
    for band in bands {
        if band.from > at {
            all.push(("all well".to_owned(), at, band.from));
        }
        all.push((band.name.to_owned(), band.from, band.until));
        at = band.until;
    }
    all.push(("all well".to_owned(), at, end));
    all
}

fn row(run: &Run, name: &str, from: f64, until: f64) -> String {
    let within = run.record.seconds.iter().enumerate();
    let within = within.filter(|(at, _)| (from..until).contains(&(*at as f64)));
    let (mut all, mut failed) = (0, 0);
    let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut latency = crate::record::histogram();
    for (_, second) in within {
        all += second.all();
        failed += second.failed;
        for (code, count) in &second.codes {
            *codes.entry(code).or_default() += count;
        }
        if let (Some(sum), Some(own)) = (&mut latency, &second.latency) {
            // Same bounds: cannot fail.
            let _ = sum.add(own);
        }
    }
    let codes = codes.iter().map(|(code, count)| format!("{code} {count}"));
    let codes = codes.collect::<Vec<_>>().join(", ");
    let (p50, p99) = (millis(&latency, 0.5), millis(&latency, 0.99));
    let (p50, p99) = (in_words(p50), in_words(p99));
    format!("| {name} | {from:.0}–{until:.0} | {all} | {failed} | {p50} | {p99} | {codes} |\n")
}

fn in_words(millis: Option<f64>) -> String {
    millis.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"))
}

/// One file that shows all without anything beside it.
fn page(run: &Run, folder: &Path) -> Result<String> {
    let mut body = String::new();
    let _ = write!(
        body,
        "<!doctype html><meta charset=\"utf-8\"><title>Soak</title>\
         <style>body{{font:16px sans-serif;max-width:1000px;margin:2em auto}}\
         td{{padding:.2em .6em;border-bottom:1px solid #ddd}}.no{{color:#c00}}</style>\
         <h1>Soak, {:.0} s at {} requests/s</h1><table>",
        run.options.time.as_secs_f64(),
        run.options.rate,
    );
    for verdict in &run.verdicts {
        let (class, held) = if verdict.held {
            ("", "yes")
        } else {
            ("no", "NO")
        };
        let seen = escaped(&verdict.seen);
        let _ = write!(
            body,
            "<tr><td>{}<td class=\"{class}\">{held}<td>{seen}</tr>",
            verdict.asked
        );
    }
    body.push_str("</table>");
    for (file, title, _) in plot::PICTURES {
        let svg = std::fs::read_to_string(folder.join(file)).internal()?;
        let _ = write!(body, "<h2>{title}</h2>{svg}");
    }
    Ok(body)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
