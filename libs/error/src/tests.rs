#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::response::IntoResponse as _;
use proptest::prelude::*;

use super::*;

#[test]
fn the_kind_table_is_in_the_order_of_the_variants() {
    for (index, kind) in Kind::all().enumerate() {
        assert_eq!(kind as usize, index, "{}", kind.name());
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
    }
}

#[test]
fn common_codes_are_unique_and_say_what_to_do() {
    let mut seen = std::collections::HashSet::new();
    for spec in CommonCode::CATALOGUE {
        assert!(seen.insert(spec.id), "{} twice", spec.id);
        assert!(spec.id.starts_with("common."));
        assert!(!spec.action.is_empty());
    }
}

#[test]
fn the_source_never_reaches_the_client() {
    let secret = std::io::Error::other("password=hunter2");
    let error = Error::internal(secret).with_internal("while opening /etc/secret");
    assert!(error.report().contains("hunter2"));
    assert!(error.backtrace().is_some());
    let problem = serde_json::to_string(&error.to_problem()).unwrap();
    assert!(!problem.contains("hunter2") && !problem.contains("/etc/secret"));
    let status = tonic::Status::from(error);
    assert!(!format!("{status:?}").contains("hunter2"));
}

#[test]
fn retry_after_is_rounded_up_to_whole_seconds() {
    let error = Error::new(CommonCode::TooManyRequests, "slow down")
        .with_retry_after(Duration::from_millis(1200));
    let response = error.into_response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
}

#[test]
fn every_faulty_field_is_listed() {
    let mut violations = Violations::new();
    violations.check("/a", Err::<(), _>("must be positive"));
    violations.require("/b", false, "is missing");
    assert_eq!(violations.check("/c", Ok::<_, String>(1)), Some(1));
    let error = violations.finish().unwrap_err();
    assert_eq!(error.fields().len(), 2);
    assert_eq!(error.to_problem().errors[1].field, "/b");
    assert!(Violations::new().finish().is_ok());
}

#[test]
fn a_foreign_status_keeps_its_kind_but_not_its_inner_text() {
    let error = Error::from_status(tonic::Status::internal("stack at 0x1"));
    assert_eq!(error.kind(), Kind::Internal);
    assert!(!error.message().contains("0x1"));
    let error = Error::from_status(tonic::Status::not_found("no such thing"));
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NotFound, "no such thing")
    );
}

proptest! {
    #[test]
    fn an_error_survives_grpc_and_http_without_loss(
        index in 0..CommonCode::CATALOGUE.len(),
        message in "\\PC{0,40}",
        fields in proptest::collection::vec(("/[a-z]{1,8}", "\\PC{1,20}"), 0..3),
        meta in proptest::collection::btree_map("[a-z_]{1,8}", "\\PC{0,12}", 0..3),
        seconds in proptest::option::of(1u64..1000),
    ) {
        let mut error = Error::from_spec(&CommonCode::CATALOGUE[index], message)
            .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736");
        for (field, text) in fields { error = error.with_field(field, text); }
        for (key, value) in meta { error = error.with_meta(key, value); }
        if let Some(s) = seconds { error = error.with_retry_after(Duration::from_secs(s)); }
        let before = (error.to_problem(), error.kind(), error.retry_after());

        let over_http = Error::from_problem(before.0.clone());
        prop_assert_eq!(over_http.to_problem(), before.0.clone());

        let back = Error::from_status(tonic::Status::from(error));
        prop_assert_eq!((back.to_problem(), back.kind(), back.retry_after()), before);
    }
}
