//! What must hold for every pair of schemas, tried on generated ones.

use proptest::prelude::*;
use serde_json::Value;
use shoal_contracts::rules::Profile;
use shoal_contracts::{Document, Report, Severity, contract};

use crate::generate::{Draw, changed, schema, value};

fn document(value: &Value) -> Document {
    Document {
        name: "x".to_owned(),
        value: value.clone(),
    }
}

fn diff(profile: Profile, old: &Value, new: &Value) -> Report {
    contract::diff_schema(profile, &document(old), &document(new)).unwrap()
}

/// Old and new, drawn.
fn pair(bytes: &[u8]) -> (Value, Value) {
    let mut draw = Draw::new(bytes);
    let old = schema(&mut draw, 2);
    let new = changed(&old, &mut draw);
    (old, new)
}

/// Values that the schema accepts, out of so many tries.
fn accepted(schema: &Value, seeds: &[Vec<u8>]) -> Vec<Value> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let made = seeds.iter().filter_map(|seed| {
        let mut draw = Draw::new(seed);
        let made = value(schema, &mut draw);
        (!draw.missed).then_some(made)
    });
    made.filter(|v| validator.is_valid(v)).collect()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..80)
}

fn seeds() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 12)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        max_shrink_time: 15_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_schema_compared_with_itself_is_clean(bytes in bytes()) {
        let old = schema(&mut Draw::new(&bytes), 3);
        for profile in Profile::ALL {
            prop_assert_eq!(diff(profile, &old, &old).findings, vec![], "{}", old);
        }
    }

    #[test]
    fn what_is_compatible_for_requests_accepts_every_old_request(bytes in bytes(), seeds in seeds()) {
        let (old, new) = pair(&bytes);
        let report = diff(Profile::Request, &old, &new);
        if report.worst() < Some(Severity::Warning) {
            let validator = jsonschema::validator_for(&new).unwrap();
            for value in accepted(&old, &seeds) {
                prop_assert!(validator.is_valid(&value), "{value} fits {old} and not {new}");
            }
        }
    }

    #[test]
    fn what_is_compatible_for_responses_only_answers_what_was_allowed(bytes in bytes(), seeds in seeds()) {
        let (old, new) = pair(&bytes);
        let report = diff(Profile::Response, &old, &new);
        // A new optional property is additive by convention: readers do not look at it.
        let additive = report.findings.iter().any(|f| f.rule == "response-property-added");
        if report.worst() < Some(Severity::Warning) && !additive {
            let validator = jsonschema::validator_for(&old).unwrap();
            for value in accepted(&new, &seeds) {
                prop_assert!(validator.is_valid(&value), "{value} fits {new} and not {old}");
            }
        }
    }

    #[test]
    fn what_is_compatible_for_events_is_read_by_old_and_new_consumers(bytes in bytes(), seeds in seeds()) {
        let (old, new) = pair(&bytes);
        let report = diff(Profile::Event, &old, &new);
        if report.worst() < Some(Severity::Warning) {
            let validator = jsonschema::validator_for(&new).unwrap();
            for value in accepted(&old, &seeds) {
                prop_assert!(validator.is_valid(&value), "{value} fits {old} and not {new}");
            }
        }
    }

    #[test]
    fn what_breaks_requests_breaks_responses_when_it_is_taken_back(bytes in bytes()) {
        let (old, new) = pair(&bytes);
        // An alternative that is gone is told as such; brought back, it can be told property by property.
        if [&old, &new].iter().any(|s| s.to_string().contains("Of\":")) {
            return Ok(());
        }
        let there = diff(Profile::Request, &old, &new).worst() == Some(Severity::Breaking);
        let back = diff(Profile::Response, &new, &old).worst();
        prop_assert!(!there || back >= Some(Severity::Warning), "{old} to {new}: back {back:?}");
    }
}

/// The properties above say nothing unless pairs are often compatible, changed, and have values.
#[test]
fn generated_pairs_are_worth_the_while() {
    let (mut compatible, mut values, mut breaking) = (0, 0, 0);
    for n in 0..2_000_u32 {
        let bytes: Vec<u8> = (0..60_u32)
            .map(|i| (n * 7_919 + i * 104_729 + n * i * 31).to_be_bytes()[2])
            .collect();
        let (old, new) = pair(&bytes);
        if old == new {
            continue;
        }
        if diff(Profile::Request, &old, &new).worst() >= Some(Severity::Warning) {
            breaking += 1;
            continue;
        }
        compatible += 1;
        let seeds: Vec<Vec<u8>> = (0..8_u8)
            .map(|k| bytes.iter().map(|b| b.wrapping_mul(k + 3)).collect())
            .collect();
        values += accepted(&old, &seeds).len();
    }
    assert!(
        compatible > 200 && breaking > 200 && values > 400,
        "{compatible} {breaking} {values}"
    );
}
