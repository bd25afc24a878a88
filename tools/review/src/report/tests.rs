//! What tests say: outcomes from Bazel's build events, case counts from the
//! tests' logs, and test functions that came or went, from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use shoal_modules::Git;

use super::model::{Cases, TestTarget, Tests};
use crate::change::Change;
use crate::error::Result;

/// Adds what a file of build events tells, and removes it; a file that is not there tells nothing.
pub(super) fn add_events(tests: &mut Tests, events: &Path) {
    let text = std::fs::read_to_string(events).unwrap_or_default();
    let _ = std::fs::remove_file(events);
    for target in outcomes(&text) {
        let cases = target.cases.unwrap_or_default();
        tests.passed += cases.passed;
        tests.failed += cases.failed;
        tests.ignored += cases.ignored;
        tests.targets.push(target);
    }
}

/// Finds test functions in the files that differ, on both sides.
///
/// # Errors
/// When git cannot read them.
pub(super) fn add_functions(
    tests: &mut Tests,
    git: &Git,
    change: &Change,
    head: &str,
) -> Result<()> {
    let mut before = BTreeSet::new();
    let mut after = BTreeSet::new();
    for file in change.files.iter().filter(|file| file.ends_with(".rs")) {
        for (commit, names) in [(change.base.as_str(), &mut before), (head, &mut after)] {
            let owner = change.packages.owner(file).unwrap_or("");
            let bytes = git.show(commit, file)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            names.extend(functions(&text).map(|name| format!("{owner}: {name}")));
        }
    }
    tests.added = after.difference(&before).cloned().collect();
    tests.removed = before.difference(&after).cloned().collect();
    Ok(())
}

/// Names of the functions behind an attribute that makes them tests.
fn functions(source: &str) -> impl Iterator<Item = String> {
    let mut marked = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        if is_test_attribute(line) {
            marked = true;
        } else if let Some(rest) = line.split("fn ").nth(1).filter(|_| marked) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            names.push(name);
            marked = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.is_empty() {
            marked = false;
        }
    }
    names.into_iter()
}

/// `#[test]`, `#[tokio::test(flavor = "…")]`, and what macros of tests expand.
fn is_test_attribute(line: &str) -> bool {
    let Some(inner) = line.strip_prefix("#[") else {
        return false;
    };
    let path = inner.split(['(', ']']).next().unwrap_or_default();
    path.rsplit("::").next().map(str::trim) == Some("test")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: EventId,
    test_summary: Option<Summary>,
    test_result: Option<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventId {
    test_summary: Option<Labelled>,
    test_result: Option<Labelled>,
}

#[derive(Deserialize)]
struct Labelled {
    label: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    overall_status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Outcome {
    cached_locally: bool,
    execution_info: Info,
    test_action_output: Vec<Output>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Info {
    cached_remotely: bool,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    uri: String,
}

fn outcomes(events: &str) -> Vec<TestTarget> {
    let mut statuses = BTreeMap::new();
    let mut results: BTreeMap<String, (bool, Option<Cases>)> = BTreeMap::new();
    let parsed = events
        .lines()
        .filter_map(|line| serde_json::from_str::<Event>(line).ok());
    for event in parsed {
        if let (Some(id), Some(summary)) = (event.id.test_summary, event.test_summary) {
            statuses.insert(id.label, summary.overall_status);
        }
        if let (Some(id), Some(result)) = (event.id.test_result, event.test_result) {
            let log = result
                .test_action_output
                .iter()
                .find(|output| output.name == "test.log");
            let path = log.and_then(|log| log.uri.strip_prefix("file://"));
            let text = path.and_then(|path| std::fs::read(path).ok());
            let counted = text.and_then(|text| cases(&String::from_utf8_lossy(&text)));
            let cached = result.cached_locally || result.execution_info.cached_remotely;
            results.insert(id.label, (cached, counted));
        }
    }
    let target = |(label, status): (String, String)| {
        let (cached, cases) = results.remove(&label).unwrap_or_default();
        TestTarget {
            label,
            status,
            cached,
            cases,
        }
    };
    statuses.into_iter().map(target).collect()
}

/// Sums up the lines `test result: ok. 3 passed; 0 failed; 1 ignored; …` of a log.
fn cases(log: &str) -> Option<Cases> {
    let mut found = None;
    for line in log.lines() {
        let Some((_, counts)) = line.split_once("test result: ") else {
            continue;
        };
        let cases = found.get_or_insert(Cases::default());
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let count: u64 = count.parse().unwrap_or(0);
            match what {
                "passed" => cases.passed += count,
                "failed" => cases.failed += count,
                "ignored" => cases.ignored += count,
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod own {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn test_functions_are_told_from_others() {
        let source = "fn helper() {}\n#[test]\n#[ignore = \"slow\"]\nfn one() {}\n\
            #[tokio::test(flavor = \"multi_thread\")]\n// why\nasync fn two() {}\n\
            #[cfg(test)]\nmod tests {}\nfn three() {}\n";
        assert_eq!(functions(source).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn cases_of_several_binaries_add_up() {
        let log = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.11s\n\
            test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured\n";
        let expected = Cases {
            passed: 3,
            failed: 3,
            ignored: 1,
        };
        assert_eq!(cases(log), Some(expected));
        assert_eq!(cases("nothing here"), None);
    }

    #[test]
    fn outcomes_come_from_the_events_and_cases_from_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("test.log");
        std::fs::write(&log, "test result: ok. 5 passed; 0 failed; 0 ignored\n").unwrap();
        let events = format!(
            "{{\"id\":{{\"started\":{{}}}}}}\n\
             {{\"id\":{{\"testResult\":{{\"label\":\"//a:t\"}}}},\"testResult\":{{\"cachedLocally\":true,\"testActionOutput\":[{{\"name\":\"test.log\",\"uri\":\"file://{}\"}}]}}}}\n\
             {{\"id\":{{\"testSummary\":{{\"label\":\"//a:t\"}}}},\"testSummary\":{{\"overallStatus\":\"PASSED\"}}}}\n\
             {{\"id\":{{\"testSummary\":{{\"label\":\"//b:t\"}}}},\"testSummary\":{{\"overallStatus\":\"FAILED\"}}}}\n",
            log.display()
        );
        let found = outcomes(&events);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].cases.unwrap().passed, 5);
        assert!(found[0].cached);
        assert_eq!(
            (found[1].label.as_str(), found[1].status.as_str()),
            ("//b:t", "FAILED")
        );
    }
}
