//! `diff-report.json`: what a change does, in a form that programs can read.
//! Its schema is `tools/review/diff-report.schema.json`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::bench::compare::Verdict;
use crate::bench::protocol::Better;
use crate::change::contracts::Contracts;
use crate::change::lock::{FeatureChange, LockDiff};
use crate::change::scope::Reached;
use crate::check::Refusal;
use crate::plan::expectation::Outcome;

/// Goes up when a field changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// What a change does to contracts, dependencies, performance, binary size and tests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "diff-report.json")]
pub struct DiffReport {
    /// Version of this form.
    pub format: u32,
    /// When it was made, in UTC (RFC 3339).
    pub made_at: String,
    /// The plan's title.
    pub title: String,
    /// Whether the change keeps what its plan promises.
    pub accepted: bool,
    /// Why not; empty when it is accepted.
    pub refusals: Vec<Refusal>,
    /// What was compared with what.
    pub change: Compared,
    /// Packages that the change reaches.
    pub scope: Vec<Reached>,
    /// Contracts of the modules that it touches.
    pub contracts: Contracts,
    /// Third-party packages and the features that are asked for.
    pub dependencies: Dependencies,
    /// The figures of the plan, measured.
    pub performance: Vec<Performance>,
    /// Sizes of the programs that the change reaches.
    pub binaries: Vec<Binary>,
    /// Tests that were run, that are new and that are gone.
    pub tests: Tests,
    /// The plan's commands, run on head.
    pub commands: Vec<Command>,
    /// Parts that were not measured, on request or because they could not be.
    pub not_measured: Vec<String>,
    /// Where it was measured.
    pub machine: Machine,
}

/// Base and head.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Compared {
    /// What the base was called.
    pub base_name: String,
    /// The commit that the change starts from.
    pub base: String,
    /// The commit under review.
    pub head: String,
    /// Commits between them.
    pub commits: usize,
    /// Files that differ.
    pub files: usize,
}

/// What the change does to third-party packages.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Dependencies {
    /// `Cargo.lock`.
    #[serde(flatten)]
    pub locked: LockDiff,
    /// Features that manifests newly ask for, or no longer do.
    pub features: Vec<FeatureChange>,
}

/// A promised figure, measured on both sides in turns.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Performance {
    /// The benchmark.
    pub benchmark: String,
    /// Its command.
    pub command: String,
    /// The figure.
    pub figure: String,
    /// Its unit.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// Base's values; none where base does not have the figure.
    pub base: Option<Samples>,
    /// Head's values.
    pub head: Samples,
    /// How much head differs from base.
    pub change: Option<Difference>,
    /// What to call that.
    pub verdict: Verdict,
    /// What the plan promises.
    pub expected: String,
    /// Why, as the plan says.
    pub reason: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// The values of one side.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Samples {
    /// Their median.
    pub median: f64,
    /// The median of their absolute deviations from it.
    pub mad: f64,
    /// All of them, a round each; the n-th of both sides were measured side by side.
    pub values: Vec<f64>,
}

/// Head against base in percent of base, with its noise.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Difference {
    /// The estimate.
    pub percent: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// How sure the interval is, over all looks: 0.95.
    pub confidence: f64,
}

/// A program's size on both sides, optimised.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Binary {
    /// Its target.
    pub target: String,
    /// At base; none for a new program.
    pub base: Option<Size>,
    /// At head; none for one that is gone.
    pub head: Option<Size>,
}

/// How large a program is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Size {
    /// The file, debug information included.
    pub file: u64,
    /// What is loaded into memory: code and data.
    pub loaded: u64,
}

/// What tests say.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Tests {
    /// Targets that were run on head.
    pub targets: Vec<TestTarget>,
    /// Cases that passed.
    pub passed: u64,
    /// Cases that failed.
    pub failed: u64,
    /// Cases that were left out.
    pub ignored: u64,
    /// Test functions that base does not have, as `package: name`.
    pub added: Vec<String>,
    /// Test functions that head does not have any more.
    pub removed: Vec<String>,
}

/// A test target and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TestTarget {
    /// Its label.
    pub label: String,
    /// As Bazel says it: `PASSED`, `FAILED`, `TIMEOUT`, `FLAKY`.
    pub status: String,
    /// Whether the result was known from an earlier run of the same inputs.
    pub cached: bool,
    /// Its cases, where its log tells them.
    pub cases: Option<Cases>,
}

/// Counts of test cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cases {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Left out.
    pub ignored: u64,
}

/// A command of the plan and what came of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Command {
    /// The command.
    pub command: String,
    /// Whether it passed.
    pub passed: bool,
    /// How it ended.
    pub ended: String,
    /// How long it took.
    pub seconds: f64,
    /// Its output, a file beside the report.
    pub log: String,
}

/// The machine that measured.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Machine {
    /// Processors.
    pub processors: usize,
    /// The operating system and its architecture.
    pub system: String,
    /// The model of the processor, where the system tells it.
    pub model: Option<String>,
}

/// The schema of the report, as it is kept in the repository.
pub fn schema() -> String {
    let schema = schemars::schema_for!(DiffReport);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
