//! Which rule decides, and on what.

use shoal_routing::Decision;

use super::{Asked, rules, rules_without};

const THREE: &str = r#"
[[rules]]
name = "testers"
colour = "v3"
when.users = ["usr_tester"]

[[rules]]
name = "beta"
colour = "v2"
services = ["order", "billing"]
when.header = { name = "X-Beta", value = "on" }

[[rules]]
name = "everybody-else"
colour = "v1"
when.paths = ["/order/v1/quotes"]
"#;

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = rules(THREE);
    let both = Asked::by("usr_tester").with("x-beta", "on");
    assert_eq!(both.colour(&rules).as_deref(), Some("v3"));
    let beta = Asked::by("usr_other").with("x-beta", "on");
    assert_eq!(beta.colour(&rules).as_deref(), Some("v2"));
    assert_eq!(Asked::by("usr_other").colour(&rules), None);
}

#[test]
fn a_colour_is_restricted_to_the_services_that_the_rule_names() {
    let Decision::Coloured(coloured) = Asked::by("").with("x-beta", "on").decision(&rules(THREE))
    else {
        panic!("not coloured");
    };
    assert_eq!(coloured.rule, 1);
    assert_eq!(coloured.services.as_deref(), Some("order+billing"));
}

#[test]
fn a_paused_rule_matches_nothing_and_the_next_one_is_asked() {
    let rules = rules_without(THREE, &["testers"]);
    let both = Asked::by("usr_tester").with("x-beta", "on");
    assert_eq!(both.colour(&rules).as_deref(), Some("v2"));
    assert!(!rules.is_idle());
    assert!(rules_without(THREE, &["testers", "beta", "everybody-else"]).is_idle());
}

#[test]
fn paths_are_whole_segments() {
    let rules = rules(THREE);
    for (path, colour) in [
        ("/order/v1/quotes", Some("v1")),
        ("/order/v1/quotes/q_1", Some("v1")),
        ("/order/v1/quotes2", None),
        ("/order/v1", None),
    ] {
        let asked = Asked {
            path: path.to_owned(),
            ..Asked::by("")
        };
        assert_eq!(asked.colour(&rules).as_deref(), colour, "{path}");
    }
}

#[test]
fn a_header_is_compared_as_a_whole_and_any_of_several_counts() {
    let rules = rules(THREE);
    for value in ["On", "on ", "off", "on,on"] {
        // HTTP parsers trim; what reaches us untrimmed is another value.
        assert_eq!(
            Asked::by("").with("x-beta", value).colour(&rules),
            None,
            "{value:?}"
        );
    }
    let twice = Asked::by("").with("x-beta", "off").with("x-beta", "on");
    assert_eq!(twice.colour(&rules).as_deref(), Some("v2"));
}

#[test]
fn a_cookie_is_found_among_others_and_never_inside_of_one() {
    let rules = rules(
        r#"
        [[rules]]
        name = "cookie"
        colour = "v2"
        when.cookie = { name = "beta", value = "1" }
        [[rules]]
        name = "any-value"
        colour = "v3"
        when.cookie = { name = "lab" }
        "#,
    );
    for (line, colour) in [
        ("beta=1", Some("v2")),
        ("a=b; beta=1; c=d", Some("v2")),
        ("beta=\"1\"", Some("v2")),
        ("abeta=1; x=beta=1", None),
        ("beta=12; beta", None),
        ("lab=whatever", Some("v3")),
        ("lab", None),
    ] {
        let asked = Asked::by("").with("cookie", line);
        assert_eq!(asked.colour(&rules).as_deref(), colour, "{line}");
    }
    let second_line = Asked::by("").with("cookie", "a=b").with("cookie", "beta=1");
    assert_eq!(second_line.colour(&rules).as_deref(), Some("v2"));
}

#[test]
fn a_window_holds_from_its_first_moment_until_before_its_last() {
    let rules = rules(
        r#"
        [[rules]]
        name = "night"
        colour = "v2"
        when.from = "2025-11-24T17:00:00+01:00"
        when.until = "2025-11-24T16:00:01Z"
        "#,
    );
    let at = |now_ms| Asked {
        now_ms,
        ..Asked::by("")
    };
    // 2025-11-24T16:00:00Z
    let start = 1_764_000_000_000;
    assert_eq!(at(start - 1).colour(&rules), None);
    assert_eq!(at(start).colour(&rules).as_deref(), Some("v2"));
    assert_eq!(at(start + 999).colour(&rules).as_deref(), Some("v2"));
    assert_eq!(at(start + 1_000).colour(&rules), None);
}

#[test]
fn a_request_is_compared_only_with_rules_that_look_at_its_path_and_service() {
    let rules = rules_without(
        r#"
        [[rules]]
        name = "orders"
        colour = "v2"
        when = { percent = 0, paths = ["/order"] }
        [[rules]]
        name = "payments"
        colour = "v2"
        when = { percent = 0, to = ["billing"] }
        [[rules]]
        name = "paused"
        colour = "v2"
        when.percent = 0
        [[rules]]
        name = "all"
        colour = "v2"
        when.users = ["usr_nobody"]
        "#,
        &["paused"],
    );
    let Decision::Plain(bits) = Asked::by("usr_1").decision(&rules) else {
        panic!("coloured");
    };
    assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 3]);
}
