//! What can only be seen from outside of a process: its standard error.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::process::Command;
use std::time::Duration;

use shoal_telemetry::{InitError, LogFormat, Telemetry, TelemetryConfig, TraceStore};

const ROLE: &str = "SHOAL_TELEMETRY_TEST_CHILD";

/// The process that is looked at; does nothing when run as a test of its own.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let config = TelemetryConfig {
        service: "child".to_owned(),
        log_format: LogFormat::Json,
        ..TelemetryConfig::default()
    };
    let telemetry = Telemetry::init(&config).unwrap();
    let again = Telemetry::init(&config).unwrap_err();
    assert!(matches!(again, InitError::AlreadyInitialised), "{again}");
    let request = tracing::info_span!("request", service.name = "order");
    let worker = std::thread::spawn(move || request.in_scope(|| panic!("lost the order")));
    assert!(worker.join().is_err());
    let trace = TraceStore::global().recent(1);
    tracing::info!(trace = trace[0], "goes on");
    telemetry.shutdown(Duration::from_secs(5));
}

#[test]
fn a_panic_is_one_log_line_with_place_stack_service_and_trace() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let lines: Vec<serde_json::Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [panic, after] = &lines[..] else {
        panic!("{stderr}")
    };
    assert_eq!(panic["message"], "panicked: lost the order");
    assert_eq!(
        (&panic["level"], &panic["service"]),
        (&"ERROR".into(), &"order".into())
    );
    assert!(
        panic["panic.at"].as_str().unwrap().contains("tests/all.rs"),
        "{panic}"
    );
    assert!(
        panic["error.stack"].as_str().unwrap().contains("child"),
        "{panic}"
    );
    assert_eq!(panic["trace_id"], after["trace"]);
    assert_eq!(after["service"], "child");
}
