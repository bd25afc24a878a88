use crate::fixture::Checkout;

#[test]
fn the_schema_in_the_repository_is_the_one_that_the_program_follows() {
    let fresh = shoal_review::report::model::schema();
    assert!(
        include_str!("../../diff-report.schema.json") == fresh,
        "tools/review/diff-report.schema.json is stale; run \
         ./bazelw run //tools/review -- schema > tools/review/diff-report.schema.json"
    );
}

#[test]
fn reports_follow_the_schema_accepted_or_not() {
    let schema = serde_json::from_str(&shoal_review::report::model::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (cost, expected) in [("10", "within 10 %"), ("20", "<= 5 ms")] {
        let checkout = Checkout::changed(cost);
        checkout.planned(expected);
        checkout.run(&["report"]);
        let report = checkout.report();
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let mut spoilt = report.clone();
        spoilt["performance"][0]["verdict"] = "fine".into();
        assert!(!validator.is_valid(&spoilt));
    }
}
