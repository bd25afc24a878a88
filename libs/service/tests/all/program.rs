//! The command line of a service's binary.

use std::process::ExitCode;

use shoal_service::{BuildInfo, run_with};

use super::toy::Toy;

/// Exit code, standard output, standard error.
fn toy(arguments: &[&str]) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("toy").chain(arguments.iter().copied());
    let code = run_with::<Toy>(arguments, BuildInfo::default(), &mut out, &mut err);
    (
        code,
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

#[test]
fn schema_reference_and_document_are_printed_without_anything_running() {
    let (code, schema, _) = toy(&["--print-config-schema"]);
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap()["properties"].is_object());
    let (_, reference, _) = toy(&["--print-config-reference"]);
    assert!(reference.starts_with("# Settings of toy"));
    let (_, document, _) = toy(&["--print-openapi"]);
    assert!(serde_json::from_str::<serde_json::Value>(&document).unwrap()["paths"].is_object());
}

#[test]
fn settings_are_checked_on_demand() {
    let (code, out, _) = toy(&["--check-config"]);
    assert_eq!(
        (code, out.as_str()),
        (ExitCode::SUCCESS, "toy: the settings are right.\n")
    );
}

#[test]
fn bad_settings_are_one_sentence_and_exit_64() {
    let (code, out, err) = toy(&["--listen", "somewhere", "--check-config"]);
    assert_eq!(code, ExitCode::from(64));
    assert_eq!(out, "");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("toy: the setting `listen` from option --listen cannot be used"));
    let (code, _, err) = toy(&["--log-format", "xml"]);
    assert_eq!(code, ExitCode::from(64));
    assert!(err.contains("one of pretty, json"), "{err}");
    let (code, _, err) = toy(&["--no-such-option"]);
    assert_eq!(code, ExitCode::from(64));
    assert!(err.contains("--no-such-option"), "{err}");
}

#[test]
fn help_and_version_are_no_failure() {
    let (code, out, _) = toy(&["--version"]);
    assert_eq!((code, out.trim()), (ExitCode::SUCCESS, "toy 1.2.3"));
    let (code, out, _) = toy(&["--help"]);
    assert_eq!(code, ExitCode::SUCCESS);
    for option in [
        "--config",
        "--listen",
        "--database-url",
        "--migrate-only",
        "--otlp",
    ] {
        assert!(out.contains(option), "{out}");
    }
}
