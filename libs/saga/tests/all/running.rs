//! Sagas that go well.

use std::sync::Arc;
use std::time::Duration;

use shoal_context::{Context, Metadata};
use shoal_saga::Outcome;
use shoal_telemetry::TraceStore;
use shoal_testkit::TestDb;
use tracing::Instrument as _;

use super::support::{Instance, Itinerary, PATIENCE, Trip};

#[tokio::test]
async fn every_step_is_logged_before_it_runs_and_hands_its_data_on() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        let (id, outcome) = instance.run().await;
        let Outcome::Completed(data) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(data.booked, ["flight", "hotel", "view", "paid", "sent"]);
        assert_eq!(
            instance.world.effects(),
            ["flight", "hotel", "look", "pay", "send"]
        );
        let mut expected = Vec::new();
        for step in ["flight", "hotel", "look", "pay", "send"] {
            expected.push(format!("started forward {step} 1"));
            expected.push(format!("done forward {step} 1"));
        }
        expected.push("completed forward send 0".to_owned());
        assert_eq!(instance.log(&id).await, expected);
        let (view, _) = instance.sagas.inspect(&id).await.unwrap();
        assert_eq!((view.phase, view.subject.as_str()), ("completed", "trip-1"));
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_saga_exists_only_if_the_callers_transaction_commits() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        let mut tx = instance.store.begin().await.unwrap();
        let data = Itinerary::default();
        let start = instance.sagas.start::<Trip>(&mut tx, "trip-1", &data);
        let id = start.await.unwrap();
        drop(tx);
        let gone = instance
            .sagas
            .wait::<Trip>(&id, PATIENCE)
            .await
            .unwrap_err();
        assert!(gone.is(shoal_error::CommonCode::NotFound));
        assert!(instance.world.effects().is_empty());
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_saga_that_nobody_launched_begins_when_its_lease_is_over_even_with_one_place() {
    for db in TestDb::all().await {
        let instance = Instance::with(&db, Arc::default(), |s| s.max_running = 1).await;
        let id = instance.begin().await;
        shoal_testkit::eventually(
            || async {
                let outcome = instance.sagas.outcome::<Trip>(&id).await.unwrap();
                matches!(outcome, Outcome::Completed(_))
            },
            PATIENCE,
        )
        .await;
        instance.stop().await;
    }
}

#[tokio::test]
async fn more_sagas_than_places_wait_and_all_complete() {
    for db in TestDb::all().await {
        // Some wait in the database until their lease is over.
        let tight = |s: &mut shoal_saga::SagaSettings| {
            (s.max_running, s.queue, s.lease_ms) = (3, 4, 2_000);
        };
        let instance = Instance::with(&db, Arc::default(), tight).await;
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(instance.begin().await);
        }
        for id in &ids {
            instance.sagas.launch(id);
        }
        for id in &ids {
            assert!(matches!(instance.wait(id).await, Outcome::Completed(_)));
        }
        assert_eq!(
            instance.world.effects().len(),
            40 * 5,
            "each step took effect once"
        );
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_wait_ends_at_its_limit_and_the_saga_goes_on() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("flight", [super::support::Act::Hang]);
        let id = instance.begin().await;
        let limit = Duration::from_millis(50);
        let early = instance.sagas.wait::<Trip>(&id, limit).await.unwrap();
        assert!(matches!(early, Outcome::Running), "{early:?}");
        assert!(matches!(instance.wait(&id).await, Outcome::Completed(_)));
        instance.stop().await;
    }
}

#[tokio::test]
async fn steps_run_in_the_trace_and_with_the_metadata_of_the_request() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        let span = tracing::info_span!("request");
        let meta = Metadata {
            request_id: Some("req-7".into()),
            gray_version: Some("v2-gray".into()),
            ..Metadata::default()
        };
        let context = Context::new(meta, Some(PATIENCE));
        let work = async {
            let trace = shoal_telemetry::propagate::current_trace_id();
            let (id, _) = instance.run().await;
            Ok((id, trace.unwrap()))
        };
        let (_, trace) = context
            .scope(Box::pin(work.instrument(span)))
            .await
            .unwrap();
        for step in ["flight", "send"] {
            let attempt = instance.world.attempts_of(step).pop().unwrap();
            assert_eq!(attempt.trace.as_deref(), Some(trace.as_str()));
            assert_eq!(attempt.gray.as_deref(), Some("v2-gray"));
            assert_eq!(attempt.request.as_deref(), Some("req-7"));
        }
        shoal_testkit::eventually(
            || async {
                let spans = TraceStore::global().get(&trace);
                let has = |name: &str| spans.iter().any(|span| span.name == name);
                has("saga trip") && has("trip.flight") && has("trip.send")
            },
            PATIENCE,
        )
        .await;
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_saga_that_takes_too_long_is_marked_on_its_span_and_counted() {
    for db in TestDb::all().await {
        let instance = Instance::with(&db, Arc::default(), |s| s.slow_after_ms = 20).await;
        // It is marked while it runs, not only at its end.
        instance.world.script("hotel", [super::support::Act::Hang]);
        let span = tracing::info_span!("request");
        let work = async {
            instance.run().await;
            shoal_telemetry::propagate::current_trace_id().unwrap()
        };
        let trace = work.instrument(span).await;
        shoal_testkit::eventually(
            || async {
                let spans = TraceStore::global().get(&trace);
                let saga = spans.iter().find(|span| span.name == "saga trip");
                saga.is_some_and(|saga| {
                    saga.attributes
                        .iter()
                        .any(|(k, v)| k == "saga.slow" && v == "true")
                })
            },
            PATIENCE,
        )
        .await;
        let metrics = shoal_telemetry::metrics::encode();
        assert!(metrics.contains("shoal_saga_slow_total{service=\"trips\",saga=\"trip\"}"));
        instance.stop().await;
    }
}

#[tokio::test]
async fn ended_sagas_are_forgotten_when_their_time_is_over() {
    for db in TestDb::all().await {
        let first = Instance::new(&db).await;
        let (id, _) = first.run().await;
        first.stop().await;
        // Purging is the first thing that an instance does; nothing is kept here.
        let second = Instance::with(&db, Arc::default(), |s| s.keep_ended_hours = 0).await;
        shoal_testkit::eventually(
            || async { second.sagas.inspect(&id).await.is_err() },
            PATIENCE,
        )
        .await;
        second.stop().await;
    }
}
