//! Instances that die, and those that go on where they stopped.

use std::sync::Arc;

use shoal_saga::Outcome;
use shoal_testkit::TestDb;

use super::support::{Act, Instance, PATIENCE, World};

#[tokio::test]
async fn another_instance_goes_on_where_a_dead_one_stopped_in_the_same_trace() {
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        let first = Instance::with(&db, Arc::clone(&world), |s| s.claim_every_ms = 60_000).await;
        world.script("hotel", [Act::Hang]);
        let id = first.begin().await;
        first.sagas.launch(&id);
        world.hanging.notified().await;
        first.crash().await;

        let second = Instance::with(&db, Arc::clone(&world), |_| {}).await;
        assert!(matches!(second.wait(&id).await, Outcome::Completed(_)));
        let log = second.log(&id).await;
        assert!(
            log.contains(&"interrupted forward hotel 1".to_owned()),
            "{log:?}"
        );
        assert!(log.contains(&"done forward hotel 2".to_owned()), "{log:?}");
        let traces: Vec<_> = world
            .attempts
            .lock()
            .unwrap()
            .iter()
            .map(|a| a.trace.clone())
            .collect();
        assert!(
            traces.windows(2).all(|pair| pair[0] == pair[1]),
            "{traces:?}"
        );
        let keys = world.attempts_of("hotel");
        assert!(
            keys.iter()
                .all(|attempt| attempt.key == format!("{id}.hotel"))
        );
        second.stop().await;
    }
}

#[tokio::test]
async fn a_compensation_goes_on_after_a_crash_too() {
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        let first = Instance::with(&db, Arc::clone(&world), |s| s.claim_every_ms = 60_000).await;
        world.script("look", [Act::Refuse]);
        world.script("hotel.undo", [Act::Hang]);
        let id = first.begin().await;
        first.sagas.launch(&id);
        world.hanging.notified().await;
        first.crash().await;

        let second = Instance::with(&db, Arc::clone(&world), |_| {}).await;
        let Outcome::Undone { failure, .. } = second.wait(&id).await else {
            panic!("not undone")
        };
        assert_eq!(
            failure.message(),
            "refused",
            "the reason outlives the process"
        );
        assert_eq!(
            world.effects(),
            ["flight", "hotel", "hotel.undo", "flight.undo"]
        );
        second.stop().await;
    }
}

#[tokio::test]
async fn several_instances_share_what_a_dead_one_left_and_none_does_it_twice() {
    const SAGAS: usize = 30;
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        let dead = Instance::with(&db, Arc::clone(&world), |s| s.claim_every_ms = 60_000).await;
        let mut ids = Vec::new();
        for _ in 0..SAGAS {
            ids.push(dead.begin().await);
        }
        dead.crash().await;

        let few = |s: &mut shoal_saga::SagaSettings| (s.max_running, s.lease_ms) = (4, 5_000);
        let second = Instance::with(&db, Arc::clone(&world), few).await;
        let third = Instance::with(&db, Arc::clone(&world), few).await;
        for id in &ids {
            assert!(matches!(second.wait(id).await, Outcome::Completed(_)));
        }
        assert_eq!(world.effects().len(), SAGAS * 5);
        let mut owners = std::collections::HashSet::new();
        for id in &ids {
            let (_, log) = second.sagas.inspect(id).await.unwrap();
            owners.extend(log.last().map(|line| line.owner.clone()));
        }
        assert!(!owners.is_empty() && owners.len() <= 2, "{owners:?}");
        second.stop().await;
        third.stop().await;
    }
}

#[tokio::test]
async fn a_lease_is_kept_for_as_long_as_a_step_runs() {
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        // The step hangs for 300 ms, three times as long as the lease.
        let short = |s: &mut shoal_saga::SagaSettings| s.lease_ms = 100;
        let first = Instance::with(&db, Arc::clone(&world), short).await;
        let second = Instance::with(&db, Arc::clone(&world), short).await;
        world.script("hotel", [Act::Hang]);
        let (id, outcome) = first.run().await;
        assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
        let log = first.log(&id).await;
        assert!(
            !log.iter().any(|line| line.starts_with("interrupted")),
            "{log:?}"
        );
        first.stop().await;
        second.stop().await;
    }
}

#[tokio::test]
async fn whoever_lost_a_saga_lets_go_of_it() {
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        let first = Instance::with(&db, Arc::clone(&world), |_| {}).await;
        world.script("flight", [Act::Hang]);
        let id = first.begin().await;
        first.sagas.launch(&id);
        world.hanging.notified().await;
        // As if another instance had claimed it while this one was stopped.
        let mut tx = first.store.begin().await.unwrap();
        let stolen = "UPDATE saga SET owner = 'own_thief', revision = revision + 1, \
                      lease_until = lease_until + 600000 WHERE id = $1";
        sqlx::query(stolen)
            .bind(&id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        shoal_testkit::eventually(
            || async { first.scope.live().iter().all(|task| task.name != "saga") },
            PATIENCE,
        )
        .await;
        let log = first.log(&id).await;
        assert_eq!(
            log,
            ["started forward flight 1"],
            "nothing is written by the loser"
        );
        first.stop().await;
    }
}
