//! The table of expected figures: at least one, each of a benchmark that is
//! there, in the form that can be judged, with a reason.

use std::collections::BTreeSet;

use super::Refusal;
use crate::change::{Change, Touching};
use crate::plan::document::{BLANK, Document, PERFORMANCE, Row};
use crate::plan::expectation::{Expectation, FORMS};

/// Words of which fewer give no reason.
const FEWEST_WORDS: usize = 3;

/// A row that can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The benchmark's name.
    pub benchmark: String,
    /// The figure's name.
    pub figure: String,
    /// What is promised.
    pub expected: Expectation,
    /// Why it holds.
    pub reason: String,
    /// The line of the plan.
    pub line: usize,
}

pub(super) fn check(plan: &Document, change: &Change) -> (Vec<Promise>, Vec<Refusal>) {
    let benchmarks = change.benchmarks();
    let rows = plan.rows();
    let mut promises: Vec<Promise> = Vec::new();
    let mut refusals = Vec::new();
    if rows.is_empty() {
        refusals.push(no_figure(plan, &benchmarks));
    }
    let mut seen = BTreeSet::new();
    for row in &rows {
        match promise(row, &benchmarks) {
            Ok(promise) => promises.push(promise),
            Err(what) => refusals.push(Refusal::at(row.line, what)),
        }
        if !seen.insert((row.benchmark.clone(), row.figure.clone())) {
            let what = format!(
                "'{}' of '{}' is there twice; keep one row",
                row.figure, row.benchmark
            );
            refusals.push(Refusal::at(row.line, what));
        }
    }
    refusals.extend(far(plan, &rows, &benchmarks));
    (promises, refusals)
}

fn promise(row: &Row, benchmarks: &[Touching<'_>]) -> Result<Promise, String> {
    let named = benchmarks.iter().find(|each| each.name == row.benchmark);
    let Some(named) = named else {
        let known: Vec<&str> = benchmarks.iter().map(|each| each.name).collect();
        return Err(format!(
            "there is no benchmark '{}'; name one of {}",
            row.benchmark,
            known.join(", ")
        ));
    };
    let Some(unit) = named.benchmark.figures.get(&row.figure) else {
        let known: Vec<&str> = named.benchmark.figures.keys().map(String::as_str).collect();
        return Err(format!(
            "'{}' has no figure '{}'; it has {}",
            row.benchmark,
            row.figure,
            known.join(", ")
        ));
    };
    if row.expected.is_empty() || row.expected.contains(BLANK) {
        return Err(format!(
            "no figure is expected of '{}'; write {FORMS}",
            row.figure
        ));
    }
    let expected = Expectation::parse(&row.expected)?;
    if let Some(written) = expected.unit()
        && written != unit
    {
        return Err(format!(
            "'{}' is measured in {unit}, not in {written}; write the bound in {unit}",
            row.figure
        ));
    }
    reason(&row.reason, &expected)?;
    Ok(Promise {
        benchmark: row.benchmark.clone(),
        figure: row.figure.clone(),
        expected,
        reason: row.reason.clone(),
        line: row.line,
    })
}

fn reason(text: &str, expected: &Expectation) -> Result<(), String> {
    let words = text.split_whitespace().count();
    if words >= FEWEST_WORDS && !text.contains(BLANK) {
        return Ok(());
    }
    let question = match expected {
        Expectation::Within(_) => "why can the change have no effect here",
        Expectation::Worse(_) => "what is bought at this price",
        Expectation::Better(_) => "what makes it better by that much",
        Expectation::AtMost(..) | Expectation::AtLeast(..) => "where does the bound come from",
    };
    Err(format!(
        "'{expected}' has no reason; say in a few words: {question}?"
    ))
}

fn no_figure(plan: &Document, benchmarks: &[Touching<'_>]) -> Refusal {
    let line = plan.section(PERFORMANCE).map(|section| section.line);
    let what = match benchmarks.first() {
        Some(closest) => {
            let figure = closest.benchmark.figures.keys().next();
            format!(
                "there is no performance figure; write a row such as \
                 '| {} | {} | within 5 % | why the change has no effect on it |'",
                closest.name,
                figure.map_or("figure", String::as_str)
            )
        }
        None => "there is no performance figure, and no package declares a benchmark; \
                 add one under [package.metadata.benchmarks] of a manifest"
            .to_owned(),
    };
    Refusal { line, what }
}

/// Figures of benchmarks alone that the change cannot move tell nothing, as long as others can be moved.
fn far(plan: &Document, rows: &[Row], benchmarks: &[Touching<'_>]) -> Option<Refusal> {
    let reaching: Vec<&str> = benchmarks
        .iter()
        .filter(|each| each.reached)
        .map(|each| each.name)
        .collect();
    let near = rows
        .iter()
        .any(|row| reaching.contains(&row.benchmark.as_str()));
    let known = rows
        .iter()
        .any(|row| benchmarks.iter().any(|each| each.name == row.benchmark));
    (known && !near && !reaching.is_empty()).then(|| Refusal {
        line: plan.section(PERFORMANCE).map(|section| section.line),
        what: format!(
            "no row is about a benchmark that the change can move; add a figure of {}",
            reaching.join(" or ")
        ),
    })
}
