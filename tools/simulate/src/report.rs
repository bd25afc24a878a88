//! The score as a table in markdown.

use std::fmt::Write as _;

use crate::replay::Run;
use crate::scenario::Scenario;

/// One table per scenario, in the order of the contenders.
pub fn table(results: &[(Scenario, Vec<(&'static str, Run)>)]) -> String {
    let mut text = String::new();
    for (scenario, runs) in results {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "### {}\n\n{}.\n\n![{}](images/breakers/{}.svg)\n",
            capitalised(scenario.name),
            capitalised(scenario.about),
            scenario.name,
            file_name(scenario.name),
        );
        text.push_str("| breaker | false trips | missed | noticed after | good calls refused | calls into the incident | passes again after | threshold |\n");
        text.push_str("|---|---|---|---|---|---|---|---|\n");
        for (name, run) in runs {
            let _ = writeln!(text, "{}", row(name, scenario, run));
        }
        text.push('\n');
    }
    text
}

fn row(name: &str, scenario: &Scenario, run: &Run) -> String {
    let incidents = scenario.incidents.len();
    let none = || "–".to_owned();
    let missed = match incidents {
        0 => none(),
        _ => format!("{} of {incidents}", run.missed),
    };
    let noticed = run.noticed_after_s.map_or_else(none, |s| match s {
        s if s < 1.0 => "< 1 s".to_owned(),
        s => format!("{s:.0} s"),
    });
    let again = match (incidents, run.recovered_after_s) {
        (0, _) | (_, None) => none(),
        (_, Some(seconds)) => format!("{seconds} s"),
    };
    let in_vain = match incidents {
        0 => none(),
        _ => run.sent_in_vain.to_string(),
    };
    let threshold = run
        .threshold
        .map_or_else(none, |share| format!("{:.1} %", share * 100.0));
    format!(
        "| {name} | {} | {missed} | {noticed} | {} | {in_vain} | {again} | {threshold} |",
        run.false_trips, run.lost,
    )
}

pub(crate) fn file_name(scenario: &str) -> String {
    scenario.replace(' ', "-")
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().to_string() + letters.as_str()
    })
}
