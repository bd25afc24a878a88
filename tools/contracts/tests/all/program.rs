//! The program as people and scripts run it: what it prints, and what it exits with.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::gate::{Scene, plain_files};

/// The program, where Cargo or Bazel put it.
fn program() -> Command {
    let told = std::env::var_os("SHOAL_CONTRACTS").map(std::path::PathBuf::from);
    let built = option_env!("CARGO_BIN_EXE_shoal-contracts").map(std::path::PathBuf::from);
    Command::new(told.or(built).expect("SHOAL_CONTRACTS names the program"))
}

fn run(arguments: &[&str]) -> (i32, Output) {
    let output = program().args(arguments).output().unwrap();
    (output.status.code().unwrap(), output)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn written(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_string_lossy().into_owned()
}

fn event(kind: &str) -> Value {
    json!({"type": "object", "required": ["a"], "properties": {"a": {"type": kind}}})
}

#[test]
fn two_documents_without_a_break_exit_with_0_and_with_one_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(
        folder.path(),
        "old/events/shop.sold.v1.json",
        &event("string"),
    );
    let new = written(
        folder.path(),
        "new/events/shop.sold.v1.json",
        &event("integer"),
    );
    let (code, output) = run(&["diff", &old, &old]);
    assert_eq!(
        (code, out(&output).as_str()),
        (0, "0 breaking, 0 warnings, 0 additive\n")
    );
    let (code, output) = run(&["diff", &old, &new]);
    let text = out(&output);
    assert_eq!(code, 1, "{text}");
    for expected in [
        "BREAKING event-type-changed",
        "shop.sold.v1.json#/properties/a",
        "(\"string\" -> \"integer\")",
        "for     old consumers that receive a value of either type",
        "do      Add a property of the new type",
    ] {
        assert!(text.contains(expected), "missing {expected} in\n{text}");
    }
}

#[test]
fn json_says_the_same_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old.json", &event("string"));
    let new = written(folder.path(), "new.json", &event("integer"));
    let (code, output) = run(&["diff", "--as", "setting", "--format", "json", &old, &new]);
    assert_eq!(code, 1);
    let report: shoal_contracts::Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.findings[0].rule, "setting-type-changed");
    assert_eq!(report.findings[0].before, Some(json!("string")));
}

#[test]
fn what_cannot_be_compared_exits_with_2_and_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(folder.path(), "events/a.json", &event("string"));
    let api = written(folder.path(), "openapi.json", &json!({"openapi": "3.1.0"}));
    let plain = written(folder.path(), "plain.json", &event("string"));
    let text = folder.path().join("text.json");
    std::fs::write(&text, "{").unwrap();
    let text = text.to_string_lossy().into_owned();
    let none = folder
        .path()
        .join("none.json")
        .to_string_lossy()
        .into_owned();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.to_string_lossy().into_owned();
    let cases: &[(&[&str], &str)] = &[
        (&["diff", &good, &none], "No such file"),
        (&["diff", &good, &text], "not JSON"),
        (&["diff", &good, &api], "compare two documents of one kind"),
        (&["diff", &plain, &plain], "say what it is with --as"),
        (&["diff", &api, &api], "there is no `title`"),
        (
            &["diff", &empty, &empty],
            "there is no part of a contract in it",
        ),
        (&["check"], "--base"),
        (
            &["check", "--base", "HEAD", "--workspace", &empty],
            "workspace",
        ),
        (&["nonsense"], "unrecognized subcommand"),
    ];
    for (arguments, expected) in cases {
        let (code, output) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(
            err(&output).contains(expected),
            "{arguments:?}: {}",
            err(&output)
        );
    }
}

#[test]
fn a_check_without_buf_is_an_error_and_no_silent_skip() {
    let files = plain_files();
    let scene = Scene::new(&files, &files);
    let root = scene.root.path().to_string_lossy().into_owned();
    let arguments = ["check", "--base", "HEAD", "--workspace", &root];
    let output = program()
        .args(arguments)
        .env_remove("SHOAL_BUF")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--no-proto"), "{}", err(&output));
    let output = program()
        .args(arguments)
        .arg("--no-proto")
        .env_remove("SHOAL_BUF")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("Proto contracts were left out"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_check_prints_each_module_and_whether_it_goes_in() {
    let files = plain_files();
    let mut broken = files.clone();
    broken["services/shop/contract/errors.json"] = json!([]);
    let scene = Scene::new(&files, &broken);
    let root = scene.root.path().to_string_lossy().into_owned();
    let (code, output) = run(&["check", "--base", "HEAD", "--workspace", &root]);
    let text = out(&output);
    assert_eq!(code, 1, "{text}");
    for expected in [
        "shop: 1.2.0 -> 1.2.0, needs major, has none; 1 changed files; 1 breaking",
        "BREAKING version-too-low",
        "BREAKING changelog-entry-missing",
        "BREAKING error-code-gone",
        "Refused.",
    ] {
        assert!(text.contains(expected), "missing {expected} in\n{text}");
    }
}

#[test]
fn the_page_of_rules_in_the_repository_is_the_one_that_the_program_prints() {
    let (code, output) = run(&["rules"]);
    assert_eq!(code, 0);
    assert!(
        out(&output) == include_str!("../../RULES.md"),
        "RULES.md is stale: run ./bazelw run //tools/contracts -- rules --out $PWD/tools/contracts/RULES.md"
    );
}

#[test]
fn every_command_tells_what_it_takes() {
    for command in ["check", "diff", "proto-docs", "rules"] {
        let (code, output) = run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(out(&output).contains("Usage:"), "{}", out(&output));
    }
}
