//! Sagas that do not go well, and the people who look after them.

use std::sync::Arc;
use std::time::Duration;

use shoal_error::CommonCode;
use shoal_saga::{Decision, Outcome};
use shoal_testkit::TestDb;

use super::support::{Act, Instance, PATIENCE};

#[tokio::test]
async fn a_refusal_undoes_what_was_done_in_reverse_and_without_retries() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("look", [Act::Refuse]);
        let (_, outcome) = instance.run().await;
        let Outcome::Undone { data, failure } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(failure.is(CommonCode::Conflict));
        assert_eq!(failure.message(), "refused");
        assert!(data.booked.is_empty());
        let effects = instance.world.effects();
        assert_eq!(effects, ["flight", "hotel", "hotel.undo", "flight.undo"]);
        let undo = instance.world.attempts_of("flight.undo").pop().unwrap();
        assert_eq!(
            undo.cause.as_deref(),
            Some("refused"),
            "a compensation knows why"
        );
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_three_times_with_growing_pauses_and_one_key() {
    for db in TestDb::all().await {
        let slow = |s: &mut shoal_saga::SagaSettings| {
            (s.backoff_base_ms, s.backoff_max_ms) = (40, 2_000);
        };
        let instance = Instance::with(&db, Arc::default(), slow).await;
        instance.world.script("hotel", vec![Act::Fail; 4]);
        let (id, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Undone { .. }), "{outcome:?}");
        let attempts = instance.world.attempts_of("hotel");
        assert_eq!(attempts.len(), 4);
        assert!(attempts.iter().all(|a| a.key == format!("{id}.hotel")));
        for (pair, least) in attempts.windows(2).zip([40, 80, 160]) {
            let pause = pair[1].at - pair[0].at;
            assert!(
                pause >= Duration::from_millis(least),
                "{pause:?} before retry"
            );
        }
        assert_eq!(instance.world.effects(), ["flight", "flight.undo"]);
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_step_that_recovers_is_not_undone() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance
            .world
            .script("hotel", vec![Act::LoseAnswer, Act::Fail, Act::Fail]);
        let (_, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_step_whose_answer_was_lost_is_compensated_although_it_never_succeeded() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        let acts = [Act::LoseAnswer, Act::Fail, Act::Fail, Act::Refuse];
        instance.world.script("hotel", acts);
        instance.run().await;
        let effects = instance.world.effects();
        assert_eq!(effects, ["flight", "hotel", "hotel.undo", "flight.undo"]);
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_step_that_hangs_or_panics_fails_like_any_other() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("flight", [Act::Hang, Act::Panic]);
        let (id, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
        let log = instance.log(&id).await;
        assert_eq!(
            log.iter().filter(|line| line.starts_with("failed")).count(),
            2,
            "{log:?}"
        );
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_compensation_that_fails_for_good_is_counted_and_waits_for_a_person() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("look", [Act::Refuse]);
        instance.world.script("hotel.undo", vec![Act::Fail; 4]);
        let counted = failed_compensations();
        let (id, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
        assert!(failed_compensations() > counted);
        let parked = instance.sagas.parked("", 10).await.unwrap();
        let [saga] = parked.as_slice() else {
            panic!("{parked:?}")
        };
        assert_eq!(
            (saga.id.as_str(), saga.step.as_str()),
            (id.as_str(), "hotel")
        );
        assert_eq!(
            saga.failure.as_ref().unwrap().detail,
            "refused",
            "why it turned back"
        );
        assert_eq!(
            instance.world.effects(),
            ["flight", "hotel"],
            "nothing goes on by itself"
        );

        instance.sagas.decide(&id, Decision::Retry).await.unwrap();
        assert!(matches!(instance.wait(&id).await, Outcome::Undone { .. }));
        let effects = instance.world.effects();
        assert_eq!(effects, ["flight", "hotel", "hotel.undo", "flight.undo"]);
        assert!(instance.sagas.parked("", 10).await.unwrap().is_empty());
        let late = instance
            .sagas
            .decide(&id, Decision::Retry)
            .await
            .unwrap_err();
        assert!(late.is(CommonCode::Conflict));
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_person_may_have_done_the_compensation_by_hand() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("look", [Act::Refuse]);
        instance.world.script("hotel.undo", [Act::Refuse]);
        let (id, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
        instance.sagas.decide(&id, Decision::Skip).await.unwrap();
        assert!(matches!(instance.wait(&id).await, Outcome::Undone { .. }));
        assert_eq!(instance.world.effects(), ["flight", "hotel", "flight.undo"]);
        instance.stop().await;
    }
}

#[tokio::test]
async fn after_the_pivot_a_failure_waits_for_a_person_and_is_never_undone() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        instance.world.script("send", [Act::Refuse]);
        let (id, outcome) = instance.run().await;
        assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
        instance.sagas.decide(&id, Decision::Retry).await.unwrap();
        assert!(matches!(instance.wait(&id).await, Outcome::Completed(_)));
        assert_eq!(
            instance.world.effects(),
            ["flight", "hotel", "look", "pay", "send"]
        );
        instance.stop().await;
    }
}

#[tokio::test]
async fn every_step_may_run_twice() {
    for db in TestDb::all().await {
        let twice = |s: &mut shoal_saga::SagaSettings| {
            s.faults = "trip.*=twice,trip.*.undo=twice".to_owned();
        };
        let instance = Instance::with(&db, Arc::default(), twice).await;
        let (id, outcome) = instance.run().await;
        let Outcome::Completed(data) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(data.booked, ["flight", "hotel", "view", "paid", "sent"]);
        let keys = instance.world.attempts_of("pay");
        assert_eq!(keys.len(), 2);
        assert!(
            keys.iter()
                .all(|attempt| attempt.key == format!("{id}.pay"))
        );
        instance.stop().await;
    }
}

#[tokio::test]
async fn an_injected_fault_at_any_boundary_ends_complete_or_undone() {
    for db in TestDb::all().await {
        for step in ["flight", "hotel", "look"] {
            for boundary in ["before", "after"] {
                let point = format!("trip.{step}.{boundary}=fail");
                let fault = |s: &mut shoal_saga::SagaSettings| s.faults.clone_from(&point);
                let instance = Instance::with(&db, Arc::default(), fault).await;
                let (_, outcome) = instance.run().await;
                let Outcome::Undone { data, .. } = outcome else {
                    panic!("{point}: {outcome:?}")
                };
                assert!(data.booked.iter().all(|b| b == "view"), "{point}: {data:?}");
                instance.stop().await;
            }
        }
    }
}

#[tokio::test]
async fn a_shutdown_in_a_pause_hands_the_saga_over_at_once() {
    for db in TestDb::all().await {
        // Neither the pause nor the lease ends within this test: only a saga that
        // was let go of is found.
        let patient = |s: &mut shoal_saga::SagaSettings| {
            (s.backoff_base_ms, s.backoff_max_ms, s.lease_ms) = (3_600_000, 3_600_000, 3_600_000);
        };
        let first = Instance::with(&db, Arc::default(), patient).await;
        first.world.script("hotel", [Act::Fail]);
        let id = first.begin().await;
        first.sagas.launch(&id);
        let failed = || async {
            first
                .log(&id)
                .await
                .contains(&"failed forward hotel 1".into())
        };
        shoal_testkit::eventually(failed, PATIENCE).await;
        let world = Arc::clone(&first.world);
        first.stop().await;
        let second = Instance::with(&db, world, |_| {}).await;
        assert!(matches!(second.wait(&id).await, Outcome::Completed(_)));
        second.stop().await;
    }
}

#[tokio::test]
async fn a_shutdown_hands_over_what_is_still_in_the_queue_as_well() {
    for db in TestDb::all().await {
        // The pause of one saga holds the only place for longer than the test.
        let patient = |s: &mut shoal_saga::SagaSettings| {
            (s.backoff_base_ms, s.backoff_max_ms, s.lease_ms) = (3_600_000, 3_600_000, 3_600_000);
            s.max_running = 1;
        };
        let first = Instance::with(&db, Arc::default(), patient).await;
        first.world.script("hotel", [Act::Fail]);
        let ids = [first.begin().await, first.begin().await];
        first.sagas.launch(&ids[0]);
        let failed = || async {
            let log = first.log(&ids[0]).await;
            log.contains(&"failed forward hotel 1".into())
        };
        shoal_testkit::eventually(failed, PATIENCE).await;
        first.sagas.launch(&ids[1]);
        let world = Arc::clone(&first.world);
        first.stop().await;
        let second = Instance::with(&db, world, |_| {}).await;
        for id in &ids {
            assert!(matches!(second.wait(id).await, Outcome::Completed(_)));
        }
        second.stop().await;
    }
}

fn failed_compensations() -> u64 {
    let metrics = shoal_telemetry::metrics::encode();
    let lines = metrics
        .lines()
        .filter(|l| l.starts_with("shoal_saga_compensation_failures_total"));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}
