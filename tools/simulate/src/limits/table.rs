//! The score as a table in markdown.

use std::fmt::Write as _;

use shoal_context::Class;

use super::server::{Load, Second};
use super::story::Story;
use crate::report::{capitalised, file_name};

/// A contender has adapted once nine tenths of what is possible is done and
/// requests take less than half of what their callers wait, for so long.
const SETTLED_S: usize = 3;
const ENOUGH: f64 = 0.9;
const SOON_MS: f64 = 250.0;

/// One table per story, in the order of the contenders.
pub fn table(results: &[(Story, Vec<(&'static str, Load)>)]) -> String {
    let mut text = String::new();
    for (story, runs) in results {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "### {}\n\n{}.\n\n![{}](images/limits/{}.svg)\n",
            capitalised(story.name),
            capitalised(story.about),
            story.name,
            file_name(story.name),
        );
        text.push_str("| limit | useful work | P50 | P99 | refused: interactive | internal | batch | given up | adapted after | limit, mean |\n");
        text.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
        for (name, load) in runs {
            let _ = writeln!(text, "{}", row(name, story, load));
        }
        text.push('\n');
    }
    text
}

fn row(name: &str, story: &Story, load: &Load) -> String {
    let seconds = load.during(story);
    let [interactive, internal, batch] = Class::ALL.map(|class| {
        let refused = load.refused(story, class);
        refused.map_or_else(|| "–".to_owned(), percent)
    });
    let let_in: usize = seconds.iter().map(|second| second.took_ms.len()).sum();
    let good: u32 = seconds.iter().flat_map(|second| second.good).sum();
    let given_up = (let_in as f64 - f64::from(good)) / let_in.max(1) as f64;
    let limit = seconds.iter().map(|second| second.limit).sum::<f64>() / seconds.len() as f64;
    format!(
        "| {name} | {} | {:.0} ms | {:.0} ms | {interactive} | {internal} | {batch} | {} | {} | {limit:.0} |",
        percent(useful(seconds)),
        quantile(seconds, 0.5),
        quantile(seconds, 0.99),
        percent(given_up),
        adapted(seconds).map_or_else(
            || "never".to_owned(),
            |after| match after {
                0 => "< 1 s".to_owned(),
                after => format!("{after} s"),
            }
        ),
    )
}

/// Done of what could be done.
pub(super) fn useful(seconds: &[Second]) -> f64 {
    let good: u32 = seconds.iter().flat_map(|second| second.good).sum();
    // Chance may bring a little more than the mean.
    let possible: f64 = seconds.iter().map(|second| second.possible).sum();
    (f64::from(good) / possible).min(1.0)
}

/// Of those that were let in, in milliseconds.
pub(super) fn quantile(seconds: &[Second], q: f64) -> f64 {
    let mut took: Vec<f64> = seconds
        .iter()
        .flat_map(|second| second.took_ms.iter().copied())
        .collect();
    took.sort_by(f64::total_cmp);
    let rank = (took.len() as f64 * q).ceil() as usize;
    took.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

fn adapted(seconds: &[Second]) -> Option<usize> {
    seconds
        .windows(SETTLED_S)
        .position(|some| useful(some) >= ENOUGH && quantile(some, 0.99) <= SOON_MS)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

impl Load {
    /// Useful work of what was possible while the story happened, 0 to 1.
    pub fn useful(&self, story: &Story) -> f64 {
        useful(self.during(story))
    }

    /// The time that 99 of 100 of those let in did not exceed, in milliseconds.
    pub fn p99_ms(&self, story: &Story) -> f64 {
        quantile(self.during(story), 0.99)
    }

    /// Requests of `class` that were refused, of all that came, 0 to 1; `None`
    /// when none came.
    pub fn refused(&self, story: &Story, class: Class) -> Option<f64> {
        let sum = |of: fn(&Second) -> &[u32; 3]| -> u32 {
            let seconds = self.during(story).iter();
            seconds.map(|second| of(second)[class as usize]).sum()
        };
        let came = sum(|second| &second.came);
        (came > 0).then(|| f64::from(sum(|second| &second.refused)) / f64::from(came))
    }

    fn during(&self, story: &Story) -> &[Second] {
        &self.seconds[story.when.0 as usize..story.when.1 as usize]
    }
}
