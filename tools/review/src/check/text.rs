//! Sections: there, filled in, and saying something.

use super::Refusal;
use crate::plan::document::{
    BLANK, Document, PERFORMANCE, PURPOSE, RISKS, ROLL_BACK, SECTIONS, Section,
};

/// Words of which fewer say nothing.
const FEWEST_WORDS: usize = 4;

pub(super) fn check(plan: &Document) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if plan.title.is_empty() || plan.title.contains(BLANK) {
        refusals.push(Refusal::at(
            1,
            "the title is blank; write '# Review plan: ' and what is better afterwards",
        ));
    }
    for name in SECTIONS {
        let Some(section) = plan.section(name) else {
            refusals.push(Refusal::whole(format!(
                "the section '## {name}' is missing; run `./bazelw run //tools/review -- plan`, which puts it back"
            )));
            continue;
        };
        refusals.extend(blanks(section));
        if [PURPOSE, RISKS, ROLL_BACK].contains(&name) {
            refusals.extend(thin(section));
        }
    }
    refusals
}

fn blanks(section: &Section) -> Vec<Refusal> {
    // Cells of the table are told by their columns.
    let in_table = |text: &str| section.name == PERFORMANCE && text.trim_start().starts_with('|');
    let blank = section.written.iter().filter(|(_, text)| {
        let comment = text.trim_start().starts_with("<!--");
        text.contains(BLANK) && !comment && !in_table(text)
    });
    blank
        .map(|(line, text)| {
            let asked = text.split_once(BLANK).map_or("", |(_, rest)| rest);
            let asked = asked.trim_start_matches(':').trim();
            Refusal::at(
                *line,
                format!("'{}' is left blank; answer: {asked}", section.name),
            )
        })
        .collect()
}

fn thin(section: &Section) -> Option<Refusal> {
    let text = section.text();
    if text.contains(BLANK) {
        return None;
    }
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .count();
    (words < FEWEST_WORDS).then(|| {
        let said = if text.is_empty() {
            "is empty".to_owned()
        } else {
            format!("says only '{text}'")
        };
        let advice = match section.name.as_str() {
            PURPOSE => "say in a sentence what is better afterwards, and for whom",
            RISKS => "name what could go wrong, or in a sentence why nothing can",
            _ => "say in a sentence how the change is undone and what that leaves behind",
        };
        Refusal::at(section.line, format!("'{}' {said}; {advice}", section.name))
    })
}
