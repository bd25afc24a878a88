//! Rules that cannot be meant.

use std::collections::BTreeSet;

use shoal_routing::{MAX_RULES, Rule, RuleSet, Rules, When, is_colour};

fn faults(text: &str) -> Vec<String> {
    let set: RuleSet = toml::from_str(text).unwrap();
    match Rules::new(set, &BTreeSet::new()) {
        Ok(_) => Vec::new(),
        Err(error) => error.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_fault_names_the_rule_the_key_and_what_is_wrong() {
    let text = r#"
        [[rules]]
        name = "ok"
        colour = "v2"
        [[rules]]
        name = "too-much"
        colour = "v2"
        when.percent = 140
    "#;
    assert_eq!(
        faults(text),
        ["rule 2 (\"too-much\"): when.percent: 140 is not between 0 and 100"]
    );
}

#[test]
fn each_mistake_is_found_under_its_key() {
    for (rule, key) in [
        ("name = 'Upper'\ncolour = 'v2'", "name"),
        ("name = ''\ncolour = 'v2'", "name"),
        ("name = 'r'", "colour"),
        ("name = 'r'\ncolour = 'stable'", "colour"),
        ("name = 'r'\ncolour = 'v 2'", "colour"),
        ("name = 'r'\ncolour = '.v2'", "colour"),
        (
            "name = 'r'\ncolour = 'v2'\nshares = [{colour = 'a', percent = 1}]",
            "shares",
        ),
        (
            "name = 'r'\nshares = [{colour = 'a', percent = 60}, {colour = 'b', percent = 41}]",
            "shares",
        ),
        (
            "name = 'r'\nshares = [{colour = 'a', percent = -1}]",
            "shares.0.percent",
        ),
        (
            "name = 'r'\nshares = [{colour = 'A', percent = 1}]",
            "shares.0.colour",
        ),
        (
            "name = 'r'\nshares = [{colour = 'a', percent = 1}]\nwhen.percent = 5",
            "when.percent",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.percent = nan",
            "when.percent",
        ),
        ("name = 'r'\ncolour = 'v2'\nsalt = ''", "salt"),
        (
            "name = 'r'\ncolour = 'v2'\nservices = ['a+b']",
            "services.0",
        ),
        ("name = 'r'\ncolour = 'v2'\nwhen.to = ['']", "when.to.0"),
        ("name = 'r'\ncolour = 'v2'\nwhen.users = ['']", "when.users"),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.header = {name = 'a b'}",
            "when.header.name",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.cookie = {name = 'a;b'}",
            "when.cookie.name",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.paths = ['order']",
            "when.paths.0",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.paths = ['/a/']",
            "when.paths.0",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.paths = ['/']",
            "when.paths.0",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.from = '2026-01-01'",
            "when.from",
        ),
        (
            "name = 'r'\ncolour = 'v2'\nwhen.from = '2026-01-02T00:00:00Z'\nwhen.until = '2026-01-01T00:00:00Z'",
            "when.until",
        ),
    ] {
        let found = faults(&format!("[[rules]]\n{rule}\n"));
        assert!(
            found.len() == 1 && found[0].contains(&format!(": {key}: ")),
            "{rule}: {found:?}"
        );
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "[[rules]]\nname = 'r'\ncolour = 'V'\n[[rules]]\nname = 'r'\ncolour = 'v2'\n";
    let found = faults(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("another rule above has it"), "{found:?}");
}

#[test]
fn a_long_list_of_services_is_refused_before_it_is_cut_on_the_way() {
    let services: Vec<_> = (0..16).map(|i| format!("'service-{i:03}'")).collect();
    let text = format!(
        "[[rules]]\nname = 'r'\ncolour = 'v2'\nservices = [{}]\n",
        services.join(", ")
    );
    assert!(faults(&text)[0].contains("longer than 128 bytes"));
}

#[test]
fn more_rules_than_bits_are_refused() {
    let rule = |at: usize| Rule {
        name: format!("r{at}"),
        colour: Some("v2".to_owned()),
        when: When::default(),
        ..Rule::default()
    };
    let set = |count: usize| RuleSet {
        rules: (0..count).map(rule).collect(),
    };
    assert!(Rules::new(set(MAX_RULES), &BTreeSet::new()).is_ok());
    assert!(Rules::new(set(MAX_RULES + 1), &BTreeSet::new()).is_err());
}

#[test]
fn an_unknown_key_is_refused_where_it_stands() {
    let error = toml::from_str::<RuleSet>("[[rules]]\nname = 'r'\nwhen.percentage = 5\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("percentage"), "{error}");
}

#[test]
fn colours_are_words_that_can_stand_in_a_header_a_label_and_baggage() {
    for good in ["v2", "2.1.0-rc1", "a"] {
        assert!(is_colour(good), "{good}");
    }
    for bad in [
        "",
        "stable",
        "V2",
        "v_2",
        "-v",
        "a,b",
        "a=b",
        &"x".repeat(33),
    ] {
        assert!(!is_colour(bad), "{bad}");
    }
}

#[test]
fn the_schema_in_git_is_that_of_the_code() {
    let schema = schemars::schema_for!(RuleSet);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("SHOAL_RENEW").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules.schema.json");
        std::fs::write(path, &text).unwrap();
        return;
    }
    assert!(
        include_str!("../../rules.schema.json") == text,
        "rules.schema.json is stale; renew it with SHOAL_RENEW=1 cargo test -p shoal-routing"
    );
}

#[test]
fn a_set_survives_toml_and_json() {
    let text = r#"
        [[rules]]
        name = "a"
        colour = "v2"
        services = ["order"]
        when = { percent = 2.5, header = { name = "x", value = "y" }, to = ["order"] }
    "#;
    let set: RuleSet = toml::from_str(text).unwrap();
    let again: RuleSet = toml::from_str(&toml::to_string(&set).unwrap()).unwrap();
    let json: RuleSet = serde_json::from_value(serde_json::to_value(&set).unwrap()).unwrap();
    assert_eq!((&again, &json), (&set, &set));
}
