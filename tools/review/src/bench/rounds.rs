//! Measuring head against base: in turns, A B B A, until every promise is
//! decided or the last look is over.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::compare::{self, CONFIDENCE, LOOKS};
use super::protocol::{self, Figure};
use super::stats::{Interval, signed_rank};
use crate::check::Promise;
use crate::error::{Error, Result};
use crate::output;
use crate::plan::expectation::Outcome;
use crate::run::bazel::{self, Invocation};
use crate::run::process::{Job, Runner};

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// `base` or `head`.
    pub name: &'static str,
    /// Its worktree.
    pub folder: PathBuf,
    /// The benchmark's command there.
    pub command: String,
}

/// How long and how often.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Rounds before each look.
    pub rounds: usize,
    /// How long one run may take.
    pub run_limit: Duration,
    /// How long building may take.
    pub build_limit: Duration,
    /// Where outputs are kept.
    pub logs: PathBuf,
}

/// What a benchmark printed, run by run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// What the figure is.
    pub figure: Option<Figure>,
    /// One value a round.
    pub values: Vec<f64>,
}

/// All series of both sides, by the figure's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Base; empty where base does not have the benchmark.
    pub base: BTreeMap<String, Series>,
    /// Head.
    pub head: BTreeMap<String, Series>,
    /// Rounds that were run.
    pub rounds: usize,
}

/// A run that gave no figures, told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

/// Measures one benchmark on head, and on base where it has it.
///
/// # Errors
/// When a command cannot be started or somebody says stop. A benchmark that
/// fails is an answer.
pub async fn measure(
    name: &str,
    base: Option<&Side>,
    head: &Side,
    promises: &[&Promise],
    effort: &Effort,
    runner: &mut Runner,
) -> Result<Result<Measured, Failed>> {
    let mut sides = Vec::new();
    for side in base.into_iter().chain([head]) {
        match prepare(name, side, effort, runner).await? {
            Ok(words) => sides.push((side, words)),
            Err(failed) => return Ok(Err(failed)),
        }
    }
    // The first run of either side pays for caches that the others find warm.
    for (side, words) in &sides {
        if let Err(failed) = once(name, "warm-up", side, words, effort, runner).await? {
            return Ok(Err(failed));
        }
    }
    let mut measured = Measured::default();
    for look in 1..=LOOKS {
        for _ in 0..effort.rounds {
            let round = measured.rounds;
            let turned = round % 2 == 1;
            let order: Vec<_> = if turned {
                sides.iter().rev().collect()
            } else {
                sides.iter().collect()
            };
            for (side, words) in order {
                let tag = format!("round-{:02}", round + 1);
                match once(name, &tag, side, words, effort, runner).await? {
                    Ok(figures) => measured.add(side.name, figures),
                    Err(failed) => return Ok(Err(failed)),
                }
            }
            measured.rounds += 1;
        }
        let open = promises
            .iter()
            .filter(|promise| measured.is_undecided(promise))
            .count();
        output::progress(&format!(
            "      look {look} of {LOOKS} after {} rounds: {open} of {} figures undecided",
            measured.rounds,
            promises.len()
        ));
        if open == 0 {
            break;
        }
    }
    Ok(Ok(measured))
}

impl Measured {
    /// The ratio head/base of a figure.
    pub fn ratio(&self, figure: &str) -> Option<Interval> {
        compare::ratio(
            &self.base.get(figure)?.values,
            &self.head.get(figure)?.values,
        )
    }

    /// Head's own interval of a figure, in its unit.
    pub fn head_interval(&self, figure: &str) -> Option<Interval> {
        signed_rank(&self.head.get(figure)?.values, CONFIDENCE)
    }

    /// What came of a promise; undecided for a figure that was not printed.
    pub fn judge(&self, promise: &Promise) -> Outcome {
        let series = self.head.get(&promise.figure);
        let Some(figure) = series.and_then(|series| series.figure.as_ref()) else {
            return Outcome::Undecided;
        };
        let (ratio, head) = (
            self.ratio(&promise.figure),
            self.head_interval(&promise.figure),
        );
        promise.expected.judge(figure.better, ratio, head)
    }

    fn is_undecided(&self, promise: &Promise) -> bool {
        self.judge(promise) == Outcome::Undecided
    }

    fn add(&mut self, side: &str, figures: BTreeMap<String, Figure>) {
        let all = if side == "base" {
            &mut self.base
        } else {
            &mut self.head
        };
        for (name, figure) in figures {
            let series = all.entry(name).or_default();
            series.values.push(figure.value);
            series.figure = Some(figure);
        }
    }
}

/// The words that run the benchmark. A Bazel target is built first and then
/// run without Bazel, so that no round pays for Bazel's own work.
async fn prepare(
    name: &str,
    side: &Side,
    effort: &Effort,
    runner: &mut Runner,
) -> Result<Result<Vec<String>, Failed>> {
    let words = match bazel::words(&side.command) {
        Ok(words) => words,
        Err(why) => {
            return Ok(Err(Failed(format!(
                "`{}` cannot be run: {why}",
                side.command
            ))));
        }
    };
    let invocation = Invocation::parse(&words).filter(|invocation| invocation.verb == "run");
    let Some(invocation) = invocation else {
        return Ok(Ok(words));
    };
    let script = effort.logs.join(format!("{name}-{}.sh", side.name));
    let script = script.to_string_lossy().into_owned();
    let log = effort.logs.join(format!("{name}-{}-build.log", side.name));
    output::progress(&format!("      building it on {}", side.name));
    let out = File::create(&log).map_err(Error::io(&log))?;
    let job = Job {
        words: &invocation.with_flag(&format!("--script_path={script}")),
        folder: &side.folder,
        stderr: out.try_clone().map_err(Error::io(&log))?,
        stdout: out,
        limit: effort.build_limit,
    };
    let (ended, _) = runner.run(job).await?;
    if ended.is_success() {
        return Ok(Ok(vec![script]));
    }
    Ok(Err(Failed(format!(
        "building it on {} {}: {} (whole output: {})",
        side.name,
        ended.words(effort.build_limit),
        last_line(&log),
        log.display()
    ))))
}

async fn once(
    name: &str,
    tag: &str,
    side: &Side,
    words: &[String],
    effort: &Effort,
    runner: &mut Runner,
) -> Result<Result<BTreeMap<String, Figure>, Failed>> {
    let stem = format!("{name}-{tag}-{}", side.name);
    let (out, err) = (
        effort.logs.join(format!("{stem}.out")),
        effort.logs.join(format!("{stem}.err")),
    );
    let job = Job {
        words,
        folder: &side.folder,
        stdout: File::create(&out).map_err(Error::io(&out))?,
        stderr: File::create(&err).map_err(Error::io(&err))?,
        limit: effort.run_limit,
    };
    let (ended, _) = runner.run(job).await?;
    if !ended.is_success() {
        return Ok(Err(Failed(format!(
            "a run on {} {}: {} (whole output: {})",
            side.name,
            ended.words(effort.run_limit),
            last_line(&err),
            err.display()
        ))));
    }
    let text = std::fs::read_to_string(&out).map_err(Error::io(&out))?;
    Ok(protocol::figures(&text).map_err(|error| {
        Failed(format!(
            "a run on {}: {error} ({})",
            side.name,
            out.display()
        ))
    }))
}

fn last_line(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(
        || "it said nothing".to_owned(),
        |line| format!("'{}'", line.trim()),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::bench::compare::{Verdict, verdict};
    use crate::bench::protocol::Better;
    use crate::plan::expectation::Expectation;

    /// A machine on which every run takes a share of up to `noise` more, most of them much less.
    struct Machine {
        state: u64,
        noise: f64,
    }

    impl Machine {
        fn run(&mut self, cost: f64) -> f64 {
            self.state = self
                .state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let unit = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
            cost * (1.0 + self.noise * unit.powi(3))
        }

        /// The whole procedure: rounds, looks, and what is said in the end.
        fn measure(&mut self, base: f64, head: f64, expected: &str) -> (Verdict, Outcome, usize) {
            let promise = Promise {
                benchmark: "b".to_owned(),
                figure: "f".to_owned(),
                expected: Expectation::parse(expected).unwrap(),
                reason: String::new(),
                line: 1,
            };
            let mut measured = Measured::default();
            for _ in 0..LOOKS {
                for _ in 0..8 {
                    for (side, cost) in [("base", base), ("head", head)] {
                        let figure = Figure {
                            figure: "f".to_owned(),
                            value: self.run(cost),
                            unit: "ms".to_owned(),
                            better: Better::Lower,
                        };
                        measured.add(side, BTreeMap::from([("f".to_owned(), figure)]));
                    }
                    measured.rounds += 1;
                }
                if !measured.is_undecided(&promise) {
                    break;
                }
            }
            let ratio = measured.ratio("f").unwrap();
            let called = verdict(ratio, Better::Lower);
            (called, measured.judge(&promise), measured.rounds)
        }
    }

    fn share(of: usize, all: usize) -> f64 {
        of as f64 / all as f64
    }

    #[test]
    fn false_alarms_over_all_looks_stay_below_one_in_twenty() {
        let mut machine = Machine {
            state: 1,
            noise: 0.4,
        };
        let all = 2000;
        let (mut alarms, mut missed) = (0, 0);
        for _ in 0..all {
            let (called, outcome, _) = machine.measure(10.0, 10.0, "within 5 %");
            alarms += usize::from(called != Verdict::WithinNoise);
            missed += usize::from(outcome == Outcome::Missed);
        }
        assert!(share(alarms, all) < 0.05, "{alarms} of {all}");
        assert!(share(missed, all) < 0.01, "{missed} of {all}");
    }

    #[test]
    fn a_regression_of_a_fifth_is_found_in_noise_of_two_fifths() {
        let mut machine = Machine {
            state: 2,
            noise: 0.4,
        };
        let all = 500;
        let found = (0..all)
            .filter(|_| machine.measure(10.0, 12.0, "within 5 %").0 == Verdict::Slower)
            .count();
        assert!(share(found, all) > 0.9, "{found} of {all}");
    }

    #[test]
    fn a_quiet_machine_decides_at_the_first_look() {
        let mut machine = Machine {
            state: 3,
            noise: 0.02,
        };
        let (called, outcome, rounds) = machine.measure(10.0, 10.0, "within 5 %");
        assert_eq!(
            (called, outcome, rounds),
            (Verdict::WithinNoise, Outcome::Met, 8)
        );
    }
}
