//! The plan's figures, measured and judged.

use std::collections::BTreeMap;
use std::path::Path;

use super::model::{DiffReport, Difference, Performance, Samples};
use crate::bench::compare::{self, Verdict};
use crate::bench::protocol::Figure;
use crate::bench::rounds::{self, Effort, Measured, Series, Side};
use crate::bench::stats;
use crate::change::packages::{Benchmark, Packages};
use crate::check::{Checked, Promise};
use crate::error::Result;
use crate::output;
use crate::plan::expectation::Outcome;
use crate::run::process::Runner;

/// Where the two sides lie.
pub(super) struct Trees<'a> {
    pub(super) base: &'a Path,
    pub(super) head: &'a Path,
}

/// Runs each benchmark that the plan names and adds its figures to the report.
pub(super) async fn measure(
    report: &mut DiffReport,
    checked: &Checked,
    trees: &Trees<'_>,
    effort: &Effort,
    runner: &mut Runner,
) -> Result<()> {
    let mut by_benchmark: BTreeMap<&str, Vec<&Promise>> = BTreeMap::new();
    for promise in &checked.promises {
        by_benchmark
            .entry(&promise.benchmark)
            .or_default()
            .push(promise);
    }
    for (name, promises) in by_benchmark {
        let Some(head) = declared(&checked.change.packages, name) else {
            continue;
        };
        output::progress(&format!("      {name}: {}", head.about));
        let base = declared(&checked.change.base_packages, name).map(|benchmark| Side {
            name: "base",
            folder: trees.base.to_owned(),
            command: benchmark.command.clone(),
        });
        let head = Side {
            name: "head",
            folder: trees.head.to_owned(),
            command: head.command.clone(),
        };
        let measured =
            rounds::measure(name, base.as_ref(), &head, &promises, effort, runner).await?;
        match measured {
            Ok(measured) => add(report, &head.command, &promises, &measured),
            Err(failed) => report.refuse(None, format!("benchmark '{name}': {}", failed.0)),
        }
    }
    Ok(())
}

fn declared<'a>(packages: &'a Packages, name: &str) -> Option<&'a Benchmark> {
    let mut all = packages.benchmarks();
    all.find(|(_, known, _)| *known == name)
        .map(|(_, _, benchmark)| benchmark)
}

fn add(report: &mut DiffReport, command: &str, promises: &[&Promise], measured: &Measured) {
    for promise in promises {
        let line = Some(promise.line);
        let head = measured.head.get(&promise.figure);
        let Some((figure, head)) = head.and_then(complete) else {
            let what = format!(
                "benchmark '{}' did not print '{}'",
                promise.benchmark, promise.figure
            );
            report.refuse(line, what);
            continue;
        };
        if let Some(unit) = promise.expected.unit()
            && unit != figure.unit
        {
            let what = format!(
                "'{}' was measured in {}, not in {unit}",
                promise.figure, figure.unit
            );
            report.refuse(line, what);
            continue;
        }
        let base = measured.base.get(&promise.figure).and_then(complete);
        let ratio = measured.ratio(&promise.figure);
        let measured = Performance {
            benchmark: promise.benchmark.clone(),
            command: command.to_owned(),
            figure: promise.figure.clone(),
            unit: figure.unit.clone(),
            better: figure.better,
            base: base.map(|(_, samples)| samples),
            head,
            change: ratio.map(|ratio| Difference {
                percent: (ratio.estimate - 1.0) * 100.0,
                low: (ratio.low - 1.0) * 100.0,
                high: (ratio.high - 1.0) * 100.0,
                confidence: 0.95,
            }),
            verdict: ratio.map_or(Verdict::New, |ratio| compare::verdict(ratio, figure.better)),
            expected: promise.expected.to_string(),
            reason: promise.reason.clone(),
            outcome: measured.judge(promise),
        };
        if let Some(what) = refusal(&measured, promise) {
            report.refuse(line, what);
        }
        report.performance.push(measured);
    }
}

fn complete(series: &Series) -> Option<(&Figure, Samples)> {
    let spread = stats::spread(&series.values)?;
    let samples = Samples {
        median: spread.median,
        mad: spread.mad,
        values: series.values.clone(),
    };
    Some((series.figure.as_ref()?, samples))
}

fn refusal(measured: &Performance, promise: &Promise) -> Option<String> {
    let (figure, expected) = (&measured.figure, &measured.expected);
    let found = match &measured.change {
        Some(change) if promise.expected.is_relative() => format!(
            "{:+.1} % ({:+.1} to {:+.1} %)",
            change.percent, change.low, change.high
        ),
        _ => format!("{:.4} {}", measured.head.median, measured.unit),
    };
    match measured.outcome {
        Outcome::Met => None,
        Outcome::Missed => Some(format!(
            "'{figure}' misses '{expected}': it is {found}, {}; mend the change, or plan for that and say why",
            measured.verdict.words()
        )),
        Outcome::Undecided if promise.expected.is_relative() && measured.base.is_none() => {
            Some(format!(
                "'{figure}' cannot be compared, as base does not have it; promise an absolute bound such as '<= {:.3} {}'",
                measured.head.median, measured.unit
            ))
        }
        Outcome::Undecided => Some(format!(
            "'{figure}' cannot be told to keep '{expected}': it is {found}, and that noise is wider than the margin; \
             measure on a quieter machine, raise --rounds, or widen the margin and say why"
        )),
    }
}
