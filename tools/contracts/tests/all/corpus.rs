//! Every case of `corpus/` gets the verdict that it names, and every rule has a case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::gate::Scene;
use serde::Deserialize;
use serde_json::Value;
use shoal_contracts::rules::{self, Profile};
use shoal_contracts::{Document, Kind, Options, Report, Severity, contract};

/// A file of the corpus.
#[derive(Deserialize)]
struct Family {
    kind: String,
    #[serde(default)]
    base: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// The documents; of OpenAPI, merge patches (RFC 7396) of `base`.
    #[serde(default)]
    old: Value,
    #[serde(default)]
    new: Value,
    /// Ids of rules; of schemas, without the profile's prefix.
    expect: Value,
    /// Of schemas, the gravest severity in requests, responses, events and settings.
    #[serde(default)]
    verdict: String,
    /// Of whole workspaces, whether the change is refused.
    #[serde(default)]
    refused: bool,
}

const FAMILIES: &[(&str, &str)] = &[
    ("annotations", include_str!("../../corpus/annotations.json")),
    ("arrays", include_str!("../../corpus/arrays.json")),
    ("bodies", include_str!("../../corpus/bodies.json")),
    ("composition", include_str!("../../corpus/composition.json")),
    ("contracts", include_str!("../../corpus/contracts.json")),
    ("enums", include_str!("../../corpus/enums.json")),
    ("errors", include_str!("../../corpus/errors.json")),
    ("gates", include_str!("../../corpus/gates.json")),
    ("modules", include_str!("../../corpus/modules.json")),
    ("numbers", include_str!("../../corpus/numbers.json")),
    ("objects", include_str!("../../corpus/objects.json")),
    ("parameters", include_str!("../../corpus/parameters.json")),
    ("paths", include_str!("../../corpus/paths.json")),
    ("responses", include_str!("../../corpus/responses.json")),
    ("security", include_str!("../../corpus/security.json")),
    ("strings", include_str!("../../corpus/strings.json")),
    ("types", include_str!("../../corpus/types.json")),
    ("webhooks", include_str!("../../corpus/webhooks.json")),
];

/// What went wrong, and which rules were seen.
#[derive(Default)]
struct Tally {
    wrong: Vec<String>,
    seen: BTreeSet<String>,
    pairs: usize,
}

#[test]
fn every_case_gets_the_verdict_that_it_names() {
    let tally = &*TALLY;
    assert!(
        tally.wrong.is_empty(),
        "{} wrong:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
    assert!(tally.pairs >= 150, "only {} pairs", tally.pairs);
}

#[test]
fn every_rule_has_a_case() {
    let seen = &TALLY.seen;
    let without: Vec<_> = rules::all()
        .map(|r| &r.id)
        .filter(|id| !seen.contains(*id))
        .collect();
    assert!(without.is_empty(), "rules without a case: {without:?}");
}

/// The corpus is run once for all tests.
static TALLY: LazyLock<Tally> = LazyLock::new(run);

fn run() -> Tally {
    let mut tally = Tally::default();
    for (family, text) in FAMILIES {
        let content: Family =
            serde_json::from_str(text).unwrap_or_else(|e| panic!("{family}: {e}"));
        for case in &content.cases {
            let place = format!("{family}: {}", case.name);
            match content.kind.as_str() {
                "schema" => schema(&place, case, &mut tally),
                "openapi" => openapi(&place, &content.base, case, &mut tally),
                "errors" => plain(&place, Kind::Errors, case, &mut tally),
                "module" => plain(&place, Kind::Module, case, &mut tally),
                "gate" => gate(&place, &content.base, case, &mut tally),
                "contract" => folders(&place, case, &mut tally),
                other => panic!("{family}: unknown kind {other}"),
            }
            tally.pairs += 1;
        }
    }
    tally
}

fn schema(place: &str, case: &Case, tally: &mut Tally) {
    let verdicts: Vec<&str> = case.verdict.split(' ').collect();
    for (profile, verdict) in Profile::ALL.into_iter().zip(verdicts) {
        let prefix = profile.prefix();
        let place = format!("{place} [{prefix}]");
        let expected = match &case.expect {
            Value::Object(by_profile) => &by_profile[prefix],
            all => all,
        };
        let expected = texts(expected)
            .into_iter()
            .map(|slug| format!("{prefix}-{slug}"))
            .collect();
        let (old, new) = (document("old", &case.old), document("new", &case.new));
        let report = contract::diff_schema(profile, &old, &new);
        let Some(report) = told(&place, report, &expected, tally) else {
            continue;
        };
        let worst = report.worst().map_or("clean".to_owned(), |s| s.to_string());
        if worst != verdict {
            tally
                .wrong
                .push(format!("{place}: {worst}, expected {verdict}"));
        }
    }
}

fn openapi(place: &str, base: &Value, case: &Case, tally: &mut Tally) {
    let side = |name, patch: &Value| {
        let mut value = base.clone();
        if !patch.is_null() {
            merge(&mut value, patch);
        }
        document(name, &value)
    };
    let (old, new) = (side("old", &case.old), side("new", &case.new));
    let report = contract::diff_documents(Kind::OpenApi, &old, &new, &options());
    told(place, report, &texts(&case.expect), tally);
}

fn plain(place: &str, kind: Kind, case: &Case, tally: &mut Tally) {
    let (old, new) = (document("old", &case.old), document("new", &case.new));
    let report = contract::diff_documents(kind, &old, &new, &options());
    told(place, report, &texts(&case.expect), tally);
}

/// Sides are objects from paths to documents.
fn folders(place: &str, case: &Case, tally: &mut Tally) {
    let side = |name: &str, files: &Value| contract::Contract {
        name: name.to_owned(),
        files: files
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, value)| (path.clone(), value.to_string().into_bytes()))
            .collect(),
    };
    let report = contract::diff(&side("old", &case.old), &side("new", &case.new), &options());
    told(place, report, &texts(&case.expect), tally);
}

fn gate(place: &str, base: &Value, case: &Case, tally: &mut Tally) {
    let mut old = base.clone();
    merge(&mut old, &case.old);
    let mut new = old.clone();
    merge(&mut new, &case.new);
    let outcome = Scene::new(&old, &new).check("HEAD", None);
    let accepted = outcome
        .as_ref()
        .is_ok_and(shoal_contracts::check::Outcome::is_accepted);
    if accepted == case.refused {
        tally.wrong.push(format!("{place}: accepted {accepted}"));
    }
    let report = outcome.map(|outcome| {
        let mut all = outcome.lint;
        for module in outcome.modules {
            all.findings.extend(module.report.findings);
            all.findings.extend(module.refusals);
        }
        all
    });
    told(place, report, &texts(&case.expect), tally);
}

/// Notes whether the rules are those expected.
fn told(
    place: &str,
    report: shoal_contracts::Result<Report>,
    expected: &BTreeSet<String>,
    tally: &mut Tally,
) -> Option<Report> {
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            tally.wrong.push(format!("{place}: {error}"));
            return None;
        }
    };
    let found: BTreeSet<String> = report.findings.iter().map(|f| f.rule.clone()).collect();
    if &found != expected {
        tally
            .wrong
            .push(format!("{place}: found {found:?}, expected {expected:?}"));
    }
    for finding in &report.findings {
        if finding.severity > Severity::Info
            && (finding.affects.is_empty() || finding.advice.is_empty())
        {
            tally.wrong.push(format!(
                "{place}: {} says not for whom or what to do",
                finding.rule
            ));
        }
    }
    tally.seen.extend(found);
    Some(report)
}

fn document(name: &str, value: &Value) -> Document {
    Document {
        name: name.to_owned(),
        value: value.clone(),
    }
}

fn options() -> Options {
    Options {
        today: "2026-06-01".to_owned(),
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    let list = value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"));
    list.iter()
        .map(|v| v.as_str().unwrap().to_owned())
        .collect()
}

/// JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let object = target.as_object_mut().unwrap();
    for (key, value) in changes {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Families by name, so that a case is found again.
#[test]
fn no_two_cases_of_a_family_have_the_same_name() {
    for (family, text) in FAMILIES {
        let content: Family = serde_json::from_str(text).unwrap();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for case in &content.cases {
            *seen.entry(&case.name).or_default() += 1;
        }
        let twice: Vec<_> = seen.iter().filter(|(_, n)| **n > 1).collect();
        assert!(twice.is_empty(), "{family}: {twice:?}");
    }
}
