use std::collections::BTreeSet;

use serde_json::Value;

use crate::fixture::{Answer, Checkout};

/// The report of a change whose benchmark costs `cost` (10 before), under that promise.
fn reported(cost: &str, expected: &str, arguments: &[&str]) -> (Checkout, Answer) {
    let checkout = Checkout::changed(cost);
    checkout.planned(expected);
    let mut all = vec!["report"];
    all.extend(arguments);
    let answer = checkout.run(&all);
    (checkout, answer)
}

fn first(report: &Value) -> &Value {
    &report["performance"][0]
}

#[test]
fn noise_alone_is_told_to_be_noise_and_the_promise_is_met() {
    let (checkout, answer) = reported("10", "within 10 %", &[]);
    answer.accepts();
    let report = checkout.report();
    assert_eq!(report["accepted"], true);
    assert_eq!(first(&report)["verdict"], "within-noise", "{report:#}");
    assert_eq!(first(&report)["outcome"], "met", "{report:#}");
    let change = &first(&report)["change"];
    assert!(change["low"].as_f64().unwrap() < 0.0 && change["high"].as_f64().unwrap() > 0.0);
    assert!(
        first(&report)["base"]["mad"].as_f64().unwrap() > 0.1,
        "noise was planted"
    );
}

#[test]
fn a_benchmark_that_got_twice_as_slow_is_slower_and_misses_its_promise() {
    let (checkout, answer) = reported("20", "within 10 %", &[]);
    answer.refuses("'read: p99' misses 'within 10 %': it is +");
    answer.refuses("slower; mend the change");
    let report = checkout.report();
    assert_eq!(report["accepted"], false);
    assert_eq!(first(&report)["verdict"], "slower");
    assert_eq!(first(&report)["outcome"], "missed");
    let percent = first(&report)["change"]["percent"].as_f64().unwrap();
    assert!((85.0..115.0).contains(&percent), "{percent}");
}

#[test]
fn a_promised_gain_is_met_when_it_is_there_and_missed_when_it_is_not() {
    let (faster, answer) = reported("5", "at least 30 % better", &[]);
    answer.accepts();
    assert_eq!(first(&faster.report())["verdict"], "faster");
    let (_, answer) = reported("9.5", "at least 30 % better", &[]);
    answer.refuses("misses 'at least 30 % better'");
}

#[test]
fn an_absolute_figure_that_is_missed_refuses_the_change() {
    let (_, answer) = reported("10", "<= 8 ms", &[]);
    answer.refuses("'read: p99' misses '<= 8 ms': it is ");
    let (_, answer) = reported("10", "<= 12 ms", &[]);
    answer.accepts();
}

#[test]
fn noise_wider_than_the_margin_is_measured_longer_and_then_told() {
    let (checkout, answer) = reported("10", "within 0.2 %", &["--rounds", "7"]);
    answer.refuses("cannot be told to keep 'within 0.2 %'");
    let values = first(&checkout.report())["head"]["values"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(values, 21, "three looks of seven rounds");
}

#[test]
fn base_and_head_take_turns_in_going_first() {
    let (checkout, _) = reported("20", "within 10 %", &["--rounds", "7"]);
    let order = std::fs::read_to_string(checkout.cache().join("order")).unwrap();
    let order: Vec<&str> = order.lines().collect();
    let expected = [
        "base", "head", "base", "head", "head", "base", "base", "head",
    ];
    assert_eq!(order[..8], expected, "the first two warm up");
    assert_eq!(
        order.len(),
        2 + 14,
        "a regression this clear is decided at the first look"
    );
}

#[test]
fn the_report_tells_dependencies_sizes_tests_and_commands() {
    let checkout = Checkout::changed("10");
    let lock = checkout.read("Cargo.lock").replace("1.0.1", "1.0.2");
    checkout.write("Cargo.lock", &lock);
    let manifest = checkout.read("libs/store/Cargo.toml");
    let manifest = manifest.replace(
        "serde.workspace = true",
        "serde = { workspace = true, features = [\"derive\"] }",
    );
    checkout.write("libs/store/Cargo.toml", &manifest);
    checkout.write("program", "#!/bin/sh\nexit 0\n");
    checkout.commit("Take a newer serde");
    checkout.planned("within 10 %");
    checkout.run(&["report"]).accepts();
    let report = checkout.report();
    assert_eq!(report["dependencies"]["bumped"][0]["name"], "serde");
    assert_eq!(report["dependencies"]["features"][0]["added"][0], "derive");
    assert_eq!(
        report["binaries"][0]["target"],
        "//services/order:shoal-order"
    );
    assert_eq!(report["binaries"][0]["base"]["file"], 10);
    assert_eq!(report["binaries"][0]["head"]["file"], 17);
    assert_eq!(report["tests"]["passed"], 7);
    assert_eq!(report["tests"]["ignored"], 1);
    assert_eq!(report["tests"]["added"][0], "services/order: works");
    assert_eq!(report["commands"][0]["passed"], true);
    let page = checkout.read(".shoal/review/diff-report.html");
    for text in ["1.0.1 → 1.0.2", "+derive", "within noise", "order: works"] {
        assert!(page.contains(text), "not '{text}' in the page");
    }
    let outside = ["src=\"http", "href=\"http", "@import", "url("];
    assert!(
        outside.iter().all(|way| !page.contains(way)),
        "the page needs nothing else"
    );
    let short = checkout.read(".shoal/review/diff-report.md");
    assert!(
        short.contains("**Accepted**") && short.contains("| read: p99 |"),
        "{short}"
    );
}

#[test]
fn what_people_wrote_cannot_break_the_page() {
    let checkout = Checkout::changed("10");
    let plan = checkout.planned("within 10 %");
    let plan = plan.replace(
        "the same work is done",
        "same <script>alert(1)</script> work",
    );
    checkout.write("review-plan.md", &plan);
    checkout.run(&["report"]).accepts();
    let page = checkout.read(".shoal/review/diff-report.html");
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
}

#[test]
fn a_failing_command_refuses_the_change_and_its_output_is_kept() {
    let checkout = Checkout::changed("10");
    checkout.write("broken", "");
    checkout.commit("Break the tests");
    checkout.planned("within 10 %");
    let answer = checkout.run(&["report"]);
    answer.refuses("ended with exit status 3; see logs/command-01.log");
    assert!(
        checkout
            .read(".shoal/review/logs/command-01.log")
            .contains("//a:t FAILED")
    );
    let report = checkout.report();
    assert_eq!(report["tests"]["targets"][0]["status"], "FAILED");
    assert_eq!(
        first(&report)["outcome"],
        "met",
        "the rest is still measured"
    );
}

#[test]
fn a_benchmark_that_does_not_build_or_run_refuses_the_change() {
    for (file, words) in [
        (
            "unbuildable",
            "benchmark 'speed': building it on head ended with exit status 1: 'error: cannot find value'",
        ),
        (
            "crashing",
            "benchmark 'speed': a run on head ended with exit status 9: 'the platform did not start'",
        ),
    ] {
        let checkout = Checkout::changed("10");
        checkout.write(file, "");
        checkout.commit("Break the benchmark");
        checkout.planned("within 10 %");
        checkout.run(&["report"]).refuses(words);
    }
}

#[test]
fn a_figure_that_base_does_not_have_needs_an_absolute_bound() {
    let add = |expected: &str| {
        let checkout = Checkout::new();
        let bench = checkout.read("tools/bench/Cargo.toml");
        checkout.write(
            "tools/bench/Cargo.toml",
            &bench.replace("benchmarks.speed", "benchmarks.pace"),
        );
        checkout.commit("Name the benchmark anew");
        let plan = checkout.planned(expected).replace("| speed |", "| pace |");
        checkout.write("review-plan.md", &plan);
        (checkout.run(&["report"]), checkout)
    };
    add("within 5 %")
        .0
        .refuses("base does not have it; promise an absolute bound");
    let (answer, checkout) = add("<= 12 ms");
    answer.accepts();
    assert_eq!(first(&checkout.report())["verdict"], "new");
}

#[test]
fn what_was_left_out_is_not_accepted() {
    let (_, answer) = reported("10", "within 10 %", &["--skip", "benchmarks"]);
    answer.refuses("not measured: the benchmarks");
    let (checkout, answer) = reported("10", "within 10 %", &["--skip", "sizes"]);
    answer.accepts();
    assert_eq!(checkout.report()["not_measured"][0], "binary sizes");
}

#[test]
fn nothing_is_run_for_a_plan_that_is_not_accepted() {
    let checkout = Checkout::changed("10");
    checkout.planned("soon");
    checkout
        .run(&["report"])
        .refuses("nothing was run, as the plan is not accepted");
    assert!(!checkout.cache().join("runs").exists());
}

#[test]
fn what_is_not_committed_is_not_reported_on() {
    let checkout = Checkout::changed("10");
    checkout.planned("within 10 %");
    checkout.write("services/order/src/more.rs", "fn more() {}\n");
    checkout
        .run(&["report"])
        .fails("services/order/src/more.rs is not committed");
}

#[test]
fn worktrees_and_servers_are_gone_afterwards_and_the_checkout_is_as_it_was() {
    let (checkout, answer) = reported("10", "within 10 %", &[]);
    answer.accepts();
    assert_eq!(checkout.worktrees(), 0);
    let shutdowns = std::fs::read_to_string(checkout.cache().join("shutdowns")).unwrap();
    assert_eq!(shutdowns.lines().collect::<BTreeSet<_>>().len(), 2);
    assert_eq!(
        checkout.git(&["status", "--porcelain"]).trim(),
        "?? review-plan.md"
    );
    checkout.run(&["report"]).accepts();
}
