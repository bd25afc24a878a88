//! `review-plan.md` as a document: sections that people write, and blocks
//! between marks that the tool writes and renews.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The word that stands where something must be written.
pub const BLANK: &str = "TODO";

/// The sections of a plan in their order; all of them must be there.
pub const SECTIONS: [&str; 7] = [
    PURPOSE,
    SCOPE,
    CONTRACTS,
    VERIFICATION,
    PERFORMANCE,
    RISKS,
    ROLL_BACK,
];
/// What is better afterwards, and for whom.
pub const PURPOSE: &str = "Purpose";
/// Which packages the change reaches.
pub const SCOPE: &str = "Scope";
/// What the change does to contracts.
pub const CONTRACTS: &str = "Contracts";
/// The commands that show that it works.
pub const VERIFICATION: &str = "Verification";
/// Figures that the change is expected to keep or to move.
pub const PERFORMANCE: &str = "Expected performance";
/// What could go wrong.
pub const RISKS: &str = "Risks";
/// How to undo it.
pub const ROLL_BACK: &str = "Roll-back";

const GENERATED: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";
const CLOSE: &str = " -->";

/// A plan, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The text of the first heading.
    pub title: String,
    /// Sections by their order, with their first line's number.
    pub sections: Vec<Section>,
}

/// One `## Section`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub name: String,
    /// The number of its heading's line, from one.
    pub line: usize,
    /// Lines that people wrote, with their numbers.
    pub written: Vec<(usize, String)>,
    /// What stands between marks, by the mark's name.
    pub generated: BTreeMap<String, String>,
}

/// A row of the table of expected figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number of its line, from one.
    pub line: usize,
    /// The benchmark's name.
    pub benchmark: String,
    /// The figure's name.
    pub figure: String,
    /// The promise.
    pub expected: String,
    /// Why it holds.
    pub reason: String,
}

/// Why a text is not a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Where, from one.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Document {
    /// Reads a plan.
    ///
    /// # Errors
    /// When a mark is not closed or a section occurs twice.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut document = Self::default();
        let mut block: Option<(usize, String, String)> = None;
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let malformed = |what: String| Malformed { line: number, what };
            if let Some((_, name, held)) = &mut block {
                if line.trim() == END {
                    let (name, held) = (std::mem::take(name), std::mem::take(held));
                    block = None;
                    if let Some(section) = document.sections.last_mut() {
                        section.generated.insert(name, held);
                    }
                } else {
                    let _ = writeln!(held, "{line}");
                }
                continue;
            }
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                document.write(number, line);
            } else if let Some(name) = line.trim().strip_prefix(GENERATED) {
                let name = name.strip_suffix(CLOSE).unwrap_or(name).trim();
                block = Some((number, name.to_owned(), String::new()));
            } else if let Some(name) = line.strip_prefix("## ") {
                if document.section(name.trim()).is_some() {
                    return Err(malformed(format!(
                        "the section '{}' is there twice",
                        name.trim()
                    )));
                }
                document.sections.push(Section {
                    name: name.trim().to_owned(),
                    line: number,
                    ..Section::default()
                });
            } else if let Some(title) = line.strip_prefix("# ") {
                title.trim().clone_into(&mut document.title);
            } else {
                document.write(number, line);
            }
        }
        match block {
            Some((line, name, _)) => Err(Malformed {
                line,
                what: format!("the block 'generated: {name}' is not closed with '{END}'"),
            }),
            None => Ok(document),
        }
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A generated block, wherever it stands.
    pub fn generated(&self, name: &str) -> Option<&str> {
        self.sections
            .iter()
            .find_map(|section| section.generated.get(name))
            .map(String::as_str)
    }

    /// The rows of the table of expected figures.
    pub fn rows(&self) -> Vec<Row> {
        let Some(section) = self.section(PERFORMANCE) else {
            return Vec::new();
        };
        section
            .written
            .iter()
            .filter_map(|(line, text)| Some((*line, cells(text)?)))
            // The heading of the table and the line under it.
            .filter(|(_, cells)| {
                let first = cells.first().map_or("", String::as_str);
                first != "benchmark" && !first.starts_with("--") && !first.starts_with(":-")
            })
            .map(|(line, mut cells)| {
                cells.resize(4, String::new());
                let mut cells = cells.into_iter();
                let mut next = || cells.next().unwrap_or_default();
                Row {
                    line,
                    benchmark: next(),
                    figure: next(),
                    expected: next(),
                    reason: next(),
                }
            })
            .collect()
    }

    /// The commands that the tool put there and those that people added, with their lines' numbers.
    pub fn commands(&self) -> Vec<(usize, String)> {
        let Some(section) = self.section(VERIFICATION) else {
            return Vec::new();
        };
        let generated = section
            .generated
            .values()
            .flat_map(|block| fenced_lines(block.lines().map(|line| (section.line, line))));
        let written = section
            .written
            .iter()
            .map(|(line, text)| (*line, text.as_str()));
        generated.chain(fenced_lines(written)).collect()
    }

    fn write(&mut self, number: usize, line: &str) {
        if let Some(section) = self.sections.last_mut() {
            section.written.push((number, line.to_owned()));
        }
    }
}

impl Section {
    /// What people wrote, without empty lines around it and without comments.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self
            .written
            .iter()
            .map(|(_, line)| line.as_str())
            .filter(|line| !line.trim_start().starts_with("<!--"))
            .collect();
        lines.join("\n").trim().to_owned()
    }
}

/// A generated block with its marks.
pub fn block(name: &str, content: &str) -> String {
    format!("{GENERATED}{name}{CLOSE}\n{}\n{END}\n", content.trim_end())
}

/// The cells of a table's line, without the backticks around them.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    // An escaped bar is text, not an edge.
    let cells = inner.replace("\\|", "\u{0}");
    let cells = cells.split('|').map(|cell| {
        let cell = cell.trim().trim_matches('`').trim();
        cell.replace('\u{0}', "|")
    });
    Some(cells.collect())
}

fn fenced_lines<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in lines {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let command = line.split(" # ").next().unwrap_or_default().trim();
            if !command.is_empty() && !command.starts_with('#') {
                found.push((number, command.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const PLAN: &str = "# Review plan: faster reads

## Scope
<!-- generated: scope -->
| package |
## not a section
<!-- end -->
And by hand.

## Verification
<!-- generated: commands -->
```sh
./bazelw test //services/order/...
```
<!-- end -->
```sh
# a comment
tools/bazel/agree  # why
```

## Expected performance

| benchmark | figure | expected | reason |
|---|---|---|---|
| `platform` | `read: a \\| b` | within 5 % | text alone |
| platform | read: p99 |
";

    #[test]
    fn what_people_wrote_is_told_from_what_was_generated() {
        let plan = Document::parse(PLAN).unwrap();
        assert_eq!(plan.title, "Review plan: faster reads");
        let scope = plan.section(SCOPE).unwrap();
        assert_eq!(scope.text(), "And by hand.");
        assert_eq!(
            plan.generated("scope"),
            Some("| package |\n## not a section\n")
        );
        assert_eq!(plan.sections.len(), 3);
    }

    #[test]
    fn rows_and_commands_are_read_with_their_lines() {
        let plan = Document::parse(PLAN).unwrap();
        let rows = plan.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].figure, "read: a | b");
        assert_eq!(rows[0].line, 25);
        assert_eq!(rows[1].expected, "");
        let commands: Vec<String> = plan.commands().into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            commands,
            ["./bazelw test //services/order/...", "tools/bazel/agree"]
        );
    }

    #[test]
    fn open_marks_and_repeated_sections_are_told_with_their_line() {
        let open = Document::parse("# x\n## Scope\n<!-- generated: scope -->\n").unwrap_err();
        assert_eq!(open.line, 3);
        let twice = Document::parse("# x\n## Scope\n\n## Scope\n").unwrap_err();
        assert_eq!(twice.line, 4);
    }
}
