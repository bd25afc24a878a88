//! Instances that die, and those that go on where they stopped.

use std::sync::Arc;

use shoal_context::{Context, Metadata};
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

#[tokio::test]
async fn an_instance_on_trial_takes_nothing_over_and_what_it_leaves_keeps_its_colour() {
    for db in TestDb::all().await {
        let world = Arc::new(World::default());
        let stable = Instance::with(&db, Arc::clone(&world), |s| s.claim_every_ms = 60_000).await;
        let abandoned = stable.begin().await;
        stable.crash().await;

        let gray = Instance::on_trial(&db, Arc::clone(&world)).await;
        // Five of its rounds after the lease has ended, it still has not looked.
        let free_for_a_while = || async {
            let mut tx = gray.store.begin().await.unwrap();
            let sql = "SELECT lease_until FROM saga WHERE id = $1";
            let until: i64 = sqlx::query_scalar(sql)
                .bind(&abandoned)
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            gray.store.clock().now_ms() > until + 200
        };
        shoal_testkit::eventually(free_for_a_while, PATIENCE).await;
        let untouched = gray.log(&abandoned).await;
        assert_eq!(untouched, ["started forward flight 1"]);

        let meta = Metadata {
            gray_version: Some("v2".into()),
            gray_services: Some("trips".into()),
            ..Metadata::default()
        };
        world.script("hotel", [Act::Hang]);
        let own = Context::new(meta, None).attach(gray.begin()).await;
        gray.sagas.launch(&own);
        world.hanging.notified().await;
        gray.crash().await;

        let stable = Instance::with(&db, Arc::clone(&world), |_| {}).await;
        assert!(matches!(
            stable.wait(&abandoned).await,
            Outcome::Completed(_)
        ));
        assert!(matches!(stable.wait(&own).await, Outcome::Completed(_)));
        let attempts = world.attempts_of("send");
        let colour = |id: &str| {
            let key = format!("{id}.send");
            let attempt = attempts.iter().find(|attempt| attempt.key == key).unwrap();
            attempt.gray.clone()
        };
        assert_eq!(colour(&abandoned), None);
        assert_eq!(colour(&own).as_deref(), Some("v2"));
        stable.stop().await;
    }
}
