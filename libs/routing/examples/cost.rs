//! What asking the rules costs a request.
//!
//! `cargo run --release -p shoal-routing --example cost`
#![allow(clippy::print_stdout, reason = "a table for people")]
#![allow(clippy::expect_used, reason = "rules of its own making")]

use std::collections::BTreeSet;
use std::hint::black_box;

use http::{HeaderMap, HeaderValue};
use shoal_routing::{Named, Request, Rule, RuleSet, Rules, When};
use shoal_task::{Clock as _, SystemClock};

const ROUNDS: u32 = 1_000_000;

fn main() {
    println!("| rules, none of which matches | ns per request |");
    println!("|---|---:|");
    let header = |at: usize| When {
        header: Some(Named {
            name: format!("x-beta-{at}"),
            value: Some("on".to_owned()),
        }),
        ..When::default()
    };
    let percent = |_| When {
        percent: Some(0.0),
        ..When::default()
    };
    for (name, rules) in [
        ("none", rules(0, header)),
        ("1 by header", rules(1, header)),
        ("1 by percentage", rules(1, percent)),
        ("10 by header", rules(10, header)),
        ("10 by percentage", rules(10, percent)),
        ("64 by percentage", rules(64, percent)),
    ] {
        println!("| {name} | {:.0} |", cost(&rules));
    }
}

fn rules(count: usize, when: impl Fn(usize) -> When) -> Rules {
    let rule = |at: usize| Rule {
        name: format!("rule-{at}"),
        colour: Some("v2".to_owned()),
        when: when(at),
        ..Rule::default()
    };
    let rules = (0..count).map(rule).collect();
    Rules::new(RuleSet { rules }, &BTreeSet::new()).expect("good rules")
}

/// Nanoseconds of one decision about an ordinary request.
fn cost(rules: &Rules) -> f64 {
    let mut headers = HeaderMap::new();
    for name in [
        "host",
        "accept",
        "authorization",
        "user-agent",
        "traceparent",
    ] {
        headers.insert(name, HeaderValue::from_static("whatever-it-is"));
    }
    let request = Request {
        user: Some("usr_01jd8x4q6zj9t0c8m3a5v7k2ye"),
        headers: &headers,
        path: "/order/v1/orders",
        service: "order",
        now_ms: 1_764_000_000_000,
    };
    let clock = SystemClock;
    let start = clock.monotonic();
    for _ in 0..ROUNDS {
        black_box(rules.decide(black_box(&request)));
    }
    (clock.monotonic() - start).as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
