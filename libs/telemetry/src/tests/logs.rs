use serde_json::Value;
use tracing::info_span;

use super::Rig;
use crate::config::{LogFormat, TelemetryConfig};
use crate::{InitError, Redacted};

fn lines(rig: &Rig) -> Vec<Value> {
    rig.log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_json_line_carries_service_trace_span_and_request() {
    let rig = Rig::new(LogFormat::Json, "info");
    rig.run(|| {
        let _span = info_span!("s", service.name = "order", request.id = "req-7").entered();
        tracing::info!(order_id = "ord_1", total = 250_u64, "placed");
    });
    let span = &rig.only_trace()[0];
    let line = &lines(&rig)[0];
    assert_eq!(line["trace_id"], span.trace_id);
    assert_eq!(line["span_id"], span.span_id);
    assert_eq!(line["service"], "order");
    assert_eq!(line["request_id"], "req-7");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "placed");
    assert_eq!(
        (&line["order_id"], &line["total"]),
        (&"ord_1".into(), &250.into())
    );
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_filter_of_warn_hides_lines_but_not_the_trace_of_those_left() {
    let rig = Rig::new(LogFormat::Json, "warn");
    rig.run(|| {
        let _span = info_span!("s").entered();
        tracing::info!("hidden");
        tracing::warn!("shown");
    });
    let lines = lines(&rig);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["trace_id"], rig.only_trace()[0].trace_id);
}

#[test]
fn a_filter_may_name_targets() {
    let rig = Rig::new(LogFormat::Json, "warn,loud=debug");
    rig.run(|| {
        tracing::debug!(target: "loud", "kept");
        tracing::debug!(target: "quiet", "dropped");
    });
    let texts: Vec<_> = lines(&rig)
        .iter()
        .map(|line| line["message"].clone())
        .collect();
    assert_eq!(texts, ["kept"]);
}

#[test]
fn secrets_reach_the_log_neither_wrapped_nor_by_their_field_name() {
    for format in [LogFormat::Json, LogFormat::Pretty] {
        let rig = Rig::new(format, "trace");
        let key = Redacted::new("sk_live_4242".to_owned());
        rig.run(|| {
            let _span = info_span!("s", key = %key, key_debug = ?key).entered();
            tracing::info!(%key, ?key, "with {key} in the text");
            let (password, email) = ("hunter2", "ada@example.org");
            tracing::warn!(
                password,
                user.email = email,
                refresh_token = "tok_9",
                "logged in"
            );
            tracing::warn!(card = ?"4242424242424242", "paid");
        });
        let told = format!("{} {:?}", rig.log(), rig.only_trace());
        for secret in [
            "sk_live_4242",
            "hunter2",
            "ada@example.org",
            "tok_9",
            "4242424242424242",
        ] {
            assert!(!rig.log().contains(secret), "{secret} in {}", rig.log());
        }
        assert!(!told.contains("sk_live_4242"), "{told}");
    }
}

#[test]
fn a_line_stays_one_line_whatever_it_says() {
    for format in [LogFormat::Json, LogFormat::Pretty] {
        let rig = Rig::new(format, "info");
        rig.run(|| {
            let evil = "a\nINFO forged \"line\"\r\u{1b}[31m";
            tracing::info!(evil, "{evil}");
            tracing::info!(message = evil);
        });
        let log = rig.log();
        assert_eq!(log.lines().count(), 2, "{log}");
        assert!(!log.contains(['\r', '\u{1b}']), "{log}");
    }
}

#[test]
fn a_pretty_line_is_short_and_says_what_a_person_looks_for() {
    let rig = Rig::new(LogFormat::Pretty, "info");
    rig.run(|| {
        let _span = info_span!("s", service.name = "order").entered();
        tracing::warn!(order_id = "ord_1", note = "two words", "out of stock");
    });
    let log = rig.log();
    let trace = &rig.only_trace()[0].trace_id;
    assert!(log.contains("WARN  order"), "{log}");
    let end = format!("out of stock order_id=ord_1 note=\"two words\" trace={trace}\n");
    assert!(log.ends_with(&end), "{log}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_by_name() {
    let store = std::sync::Arc::new(crate::TraceStore::new(1));
    let refused = |config: TelemetryConfig| {
        crate::init::build(&config, &store, crate::logs::stderr()).unwrap_err()
    };
    let filter = refused(TelemetryConfig {
        filter: "a=b=c".into(),
        ..Default::default()
    });
    assert!(filter.to_string().contains("telemetry.filter"), "{filter}");
    let ratio = refused(TelemetryConfig {
        sample_ratio: 1.5,
        ..Default::default()
    });
    assert!(matches!(ratio, InitError::SampleRatio(_)), "{ratio}");
    let otlp = refused(TelemetryConfig {
        otlp_endpoint: Some("http://x:1".into()),
        ..Default::default()
    });
    assert!(otlp.to_string().contains("tokio"), "{otlp}");
}

#[test]
fn a_stack_is_short_for_a_person_and_whole_for_a_machine() {
    let stack = "0: core::panic\n  at /rustc/x/lib.rs:1:1\n1: order::place\n  at ./services/order/src/lib.rs:7:1";
    let told = |format| {
        let rig = Rig::new(format, "info");
        rig.run(|| tracing::error!(error.stack = stack, "failed"));
        rig.log()
    };
    let pretty = told(LogFormat::Pretty);
    assert!(
        pretty.ends_with("failed\n          at order::place (./services/order/src/lib.rs:7:1)\n"),
        "{pretty}"
    );
    let line: Value = serde_json::from_str(&told(LogFormat::Json)).unwrap();
    assert_eq!(line["error.stack"], stack);
}
