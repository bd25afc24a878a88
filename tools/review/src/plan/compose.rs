//! Writing a plan: the blocks anew, what people wrote as it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document::{
    BLANK, CONTRACTS, Document, PERFORMANCE, PURPOSE, RISKS, ROLL_BACK, SCOPE, SECTIONS,
    VERIFICATION, block,
};
use super::generated;
use crate::change::Touching;
use crate::plan::expectation::FORMS;

/// The text of a plan with these blocks, which keeps what people wrote into `earlier`.
pub fn compose(
    blocks: &BTreeMap<&'static str, String>,
    benchmarks: &[Touching<'_>],
    earlier: Option<&Document>,
) -> String {
    let title = earlier
        .map(|plan| plan.title.as_str())
        .filter(|title| !title.is_empty());
    let mut text = format!(
        "# {}\n\n<!-- ./bazelw run //tools/review -- plan: renews what stands between marks, keeps the rest. -->\n",
        title.unwrap_or("Review plan: TODO what is better afterwards, in a few words")
    );
    for name in SECTIONS {
        let _ = write!(text, "\n## {name}\n\n");
        let generated = block_of(name, blocks);
        if let Some((key, content)) = generated {
            text.push_str(&block(key, content));
        }
        let written = match earlier.and_then(|plan| plan.section(name)) {
            Some(section) => verbatim(section),
            None => template(name, benchmarks),
        };
        if !written.is_empty() {
            let gap = if generated.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{written}");
        }
    }
    let own = earlier
        .map(|plan| plan.sections.as_slice())
        .unwrap_or_default();
    for section in own
        .iter()
        .filter(|section| !SECTIONS.contains(&section.name.as_str()))
    {
        let _ = write!(text, "\n## {}\n\n{}\n", section.name, verbatim(section));
    }
    let trimmed = text.trim_end();
    format!("{trimmed}\n")
}

fn block_of<'a>(
    section: &str,
    blocks: &'a BTreeMap<&'static str, String>,
) -> Option<(&'static str, &'a str)> {
    let key = match section {
        SCOPE => generated::SCOPE,
        CONTRACTS => generated::CONTRACTS,
        VERIFICATION => generated::COMMANDS,
        PERFORMANCE => generated::BENCHMARKS,
        _ => return None,
    };
    blocks.get(key).map(|content| (key, content.as_str()))
}

fn verbatim(section: &super::document::Section) -> String {
    let lines: Vec<&str> = section
        .written
        .iter()
        .map(|(_, line)| line.as_str())
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

fn template(section: &str, benchmarks: &[Touching<'_>]) -> String {
    match section {
        PURPOSE => format!("{BLANK}: what is better afterwards, and for whom?"),
        VERIFICATION => "<!-- More commands, one a line in a block of their own, each a Bazel command or a program of the repository. -->".to_owned(),
        PERFORMANCE => table(benchmarks),
        RISKS => format!("{BLANK}: what could go wrong, how would one notice, and what is done against it?"),
        ROLL_BACK => format!("{BLANK}: how is the change undone, and what does that leave behind (data, contracts, settings)?"),
        _ => String::new(),
    }
}

/// One row for each figure of the benchmark that looks closest; the author adds or deletes.
fn table(benchmarks: &[Touching<'_>]) -> String {
    let mut text = format!(
        "<!-- Expected is one of {FORMS}; 'within' says that no effect is expected, and the reason says why. \
         Delete rows that tell nothing; one must stay. -->\n\n\
         | benchmark | figure | expected | reason |\n|---|---|---|---|\n"
    );
    if let Some(touching) = benchmarks.first() {
        for figure in touching.benchmark.figures.keys() {
            let figure = figure.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| `{}` | `{figure}` | {BLANK} | {BLANK} |",
                touching.name
            );
        }
    }
    text.trim_end().to_owned()
}
