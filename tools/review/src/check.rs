//! Whether a plan says what a reviewer needs. Each refusal tells what is wrong
//! and what to write.

mod commands;
mod figures;
mod text;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use shoal_modules::{Git, Workspace};

pub use figures::Promise;

use crate::change::contracts::Contracts;
use crate::change::{Change, PLAN_FILE};
use crate::error::Result;
use crate::plan::document::{Document, Malformed};
use crate::plan::{self, generated};
use crate::run::process::Runner;

/// Something that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusal {
    /// The line, where it is about one.
    pub line: Option<usize>,
    /// What is wrong and what to write.
    pub what: String,
}

/// A plan that was looked at.
#[derive(Debug)]
pub struct Checked {
    /// The change that it is about.
    pub change: Change,
    /// What the change does to contracts.
    pub contracts: Contracts,
    /// The plan, as far as it could be read.
    pub plan: Document,
    /// What it promises.
    pub promises: Vec<Promise>,
    /// What is wrong with it; empty when it is accepted.
    pub refusals: Vec<Refusal>,
}

/// How closely commands are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Bazel is asked for every target.
    Bazel,
    /// Folders and files alone.
    Files,
}

/// Looks at the plan of the current change.
///
/// # Errors
/// When the change cannot be followed or somebody says stop; never for a bad plan.
pub async fn check(
    workspace: &Workspace,
    git: &Git,
    base: &str,
    asking: Asking,
    runner: &mut Runner,
) -> Result<Checked> {
    let change = Change::gather(workspace, git, base)?;
    let contracts = Contracts::gather(workspace, &change);
    let mut checked = Checked {
        change,
        contracts,
        plan: Document::default(),
        promises: Vec::new(),
        refusals: Vec::new(),
    };
    let Some(text) = plan::current(workspace, git, base)? else {
        let there = workspace.path(PLAN_FILE).is_file();
        checked.refusals.push(missing(there));
        return Ok(checked);
    };
    match Document::parse(&text) {
        Ok(plan) => checked.plan = plan,
        Err(Malformed { line, what }) => {
            checked.refusals.push(Refusal::at(line, what));
            return Ok(checked);
        }
    }
    let plan = &checked.plan;
    let mut refusals = text::check(plan);
    refusals.extend(stale(plan, &checked.change, &checked.contracts));
    let (promises, about_figures) = figures::check(plan, &checked.change);
    refusals.extend(about_figures);
    refusals.extend(commands::check(plan, workspace, asking, runner).await?);
    refusals.sort_by_key(|refusal| refusal.line);
    checked.promises = promises;
    checked.refusals = refusals;
    Ok(checked)
}

impl Refusal {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            what: what.into(),
        }
    }

    fn whole(what: impl Into<String>) -> Self {
        Self {
            line: None,
            what: what.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{PLAN_FILE}:{line}: {}", self.what),
            None => write!(f, "{PLAN_FILE}: {}", self.what),
        }
    }
}

fn missing(there: bool) -> Refusal {
    let what = if there {
        "this is the plan of the last change, as base has it"
    } else {
        "there is no plan"
    };
    Refusal::whole(format!(
        "{what}; run `./bazelw run //tools/review -- plan` and fill in what it leaves blank"
    ))
}

/// Blocks that no longer say what the change is.
fn stale(plan: &Document, change: &Change, contracts: &Contracts) -> Vec<Refusal> {
    let fresh = generated::blocks(change, contracts);
    let differing = fresh.iter().filter_map(|(name, now)| {
        let then = plan.generated(name).unwrap_or_default();
        let difference = first_difference(then, now)?;
        let line = plan
            .sections
            .iter()
            .find(|section| section.generated.contains_key(*name))
            .map(|section| section.line);
        Some(Refusal {
            line,
            what: format!(
                "the block '{name}' is stale ({difference}); run `./bazelw run //tools/review -- plan`, \
                 which keeps what you wrote, and look at what is new"
            ),
        })
    });
    differing.collect()
}

fn first_difference(then: &str, now: &str) -> Option<String> {
    let (then, now) = (then.trim(), now.trim());
    if then == now {
        return None;
    }
    if then.is_empty() {
        return Some("it is missing".to_owned());
    }
    let new = now
        .lines()
        .find(|line| !then.lines().any(|old| old == *line));
    let old = then
        .lines()
        .find(|line| !now.lines().any(|new| new == *line));
    Some(match (new, old) {
        (Some(new), _) => format!("it lacks '{}'", new.trim()),
        (None, Some(old)) => format!("'{}' holds no longer", old.trim()),
        (None, None) => "its lines are in another order".to_owned(),
    })
}
