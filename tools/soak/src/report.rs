//! A run as a page: what was asked, what came, pictures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use shoal_error::{Error, Result, ResultExt as _};

use crate::faults::Band;
use crate::plot;
use crate::record::{Latencies, Second};
use crate::soak::Run;
use crate::verdict::Verdict;

/// Writes `report.md`, `report.html` and the pictures into the folder of the
/// report, if one is wanted; gives the text of `report.md`.
pub(crate) fn write(run: &Run) -> Result<String> {
    let tables = [asked(run), stretches(run), kinds(run)];
    let text = markdown(run, &tables);
    if let Some(folder) = &run.options.report {
        std::fs::create_dir_all(folder).internal()?;
        plot::draw(folder, run).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(folder.join("report.md"), &text).internal()?;
        let page = page(run, folder, &tables)?;
        std::fs::write(folder.join("report.html"), page).internal()?;
    }
    Ok(text)
}

/// Cells are plain text.
struct Table {
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// A cell that must catch the eye.
const BROKEN: &str = "no";

fn asked(run: &Run) -> Table {
    let row = |verdict: &Verdict| {
        let held = if verdict.held { "yes" } else { BROKEN };
        vec![
            verdict.asked.to_owned(),
            held.to_owned(),
            verdict.seen.clone(),
        ]
    };
    Table {
        head: &["asked", "", "seen"],
        rows: run.verdicts.iter().map(row).collect(),
    }
}

/// The faults and what lies between them.
fn stretches(run: &Run) -> Table {
    let end = run.options.time.as_secs_f64();
    let mut rows = Vec::new();
    let mut at = 0.0;
    for Band {
        name, from, until, ..
    } in &run.bands
    {
        if *from > at {
            rows.push(stretch(run, "all well", at, *from));
        }
        rows.push(stretch(run, name, *from, *until));
        at = *until;
    }
    rows.push(stretch(run, "all well", at, end));
    Table {
        head: &[
            "while",
            "seconds",
            "requests",
            "failed",
            "P50",
            "P99",
            "errors by code",
        ],
        rows,
    }
}

fn stretch(run: &Run, name: &str, from: f64, until: f64) -> Vec<String> {
    let within = run.record.seconds.iter().enumerate();
    let within = within.filter(|(at, _)| (from..until).contains(&(*at as f64)));
    let (mut all, mut failed) = (0, 0);
    let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut latency = Latencies::default();
    for (_, second) in within {
        all += second.all();
        failed += second.failed;
        for (code, count) in &second.codes {
            *codes.entry(code).or_default() += count;
        }
        latency.add(&second.latency);
    }
    let codes = codes.iter().map(|(code, count)| format!("{code} {count}"));
    vec![
        name.to_owned(),
        format!("{from:.0}–{until:.0}"),
        all.to_string(),
        failed.to_string(),
        latency.in_words(0.5),
        latency.in_words(0.99),
        codes.collect::<Vec<_>>().join(", "),
    ]
}

fn kinds(run: &Run) -> Table {
    let row = |(kind, latencies): (&&str, &Latencies)| {
        vec![
            (*kind).to_owned(),
            latencies.count().to_string(),
            latencies.in_words(0.5),
            latencies.in_words(0.99),
            latencies.in_words(1.0),
        ]
    };
    Table {
        head: &["request", "number", "P50", "P99", "slowest"],
        rows: run.record.kinds.iter().map(row).collect(),
    }
}

fn markdown(run: &Run, [asked, stretches, kinds]: &[Table; 3]) -> String {
    let all: u32 = run.record.seconds.iter().map(Second::all).sum();
    let mut text = format!(
        "{all} requests in {:.0} s, {} a second, seed {}.\n\n",
        run.options.time.as_secs_f64(),
        run.options.rate,
        run.options.seed,
    );
    text.push_str(&asked.markdown());
    for (file, title, _) in plot::PICTURES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n![{title}]({file})");
    }
    for table in [stretches, kinds] {
        text.push('\n');
        text.push_str(&table.markdown());
    }
    text
}

/// One file that shows all without anything beside it.
fn page(run: &Run, folder: &Path, [asked, stretches, kinds]: &[Table; 3]) -> Result<String> {
    let mut body = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Soak</title>\
         <style>body{{font:16px sans-serif;max-width:1000px;margin:2em auto}}\
         th{{text-align:left}}th,td{{padding:.2em .6em;border-bottom:1px solid #ddd}}\
         .no{{color:#c00}}</style>\
         <h1>Soak, {:.0} s at {} requests/s</h1>{}",
        run.options.time.as_secs_f64(),
        run.options.rate,
        asked.html(),
    );
    for (file, title, _) in plot::PICTURES {
        let svg = std::fs::read_to_string(folder.join(file)).internal()?;
        let _ = write!(body, "<h2>{title}</h2>{svg}");
    }
    body.push_str(&stretches.html());
    body.push_str(&kinds.html());
    Ok(body)
}

impl Table {
    fn markdown(&self) -> String {
        let mut text = format!("| {} |\n", self.head.join(" | "));
        text.push_str(&format!("|{}\n", "---|".repeat(self.head.len())));
        for row in &self.rows {
            let cells = row.iter().map(|cell| match cell.as_str() {
                BROKEN => format!("**{BROKEN}**"),
                cell => cell.replace('|', "/").replace('\n', " "),
            });
            text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
        }
        text
    }

    fn html(&self) -> String {
        let mut text = format!("<table><tr><th>{}</tr>", self.head.join("<th>"));
        for row in &self.rows {
            let cells = row.iter().map(|cell| match cell.as_str() {
                BROKEN => format!("<td class=\"no\">{BROKEN}"),
                cell => format!("<td>{}", cell.replace('&', "&amp;").replace('<', "&lt;")),
            });
            text.push_str(&format!("<tr>{}</tr>", cells.collect::<String>()));
        }
        text + "</table>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_the_same_as_markdown_and_as_html() {
        let row = ["Nothing | at all", BROKEN, "<1> & more\nof it"];
        let table = Table {
            head: &["asked", "", "seen"],
            rows: vec![row.map(str::to_owned).to_vec()],
        };
        let markdown = "| asked |  | seen |\n|---|---|---|\n\
                        | Nothing / at all | **no** | <1> & more of it |\n";
        assert_eq!(table.markdown(), markdown);
        let html = "<table><tr><th>asked<th><th>seen</tr><tr><td>Nothing | at all\
                    <td class=\"no\">no<td>&lt;1> &amp; more\nof it</tr></table>";
        assert_eq!(table.html(), html);
    }
}
