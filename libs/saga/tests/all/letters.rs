//! Parked sagas among the dead letters of their service.

use std::sync::Arc;

use shoal_queue::{DeadLetters as _, Selection};
use shoal_saga::Outcome;
use shoal_testkit::{TestDb, eventually};

use super::support::{Act, Instance, PATIENCE};

/// A saga whose last step was refused.
async fn park(instance: &Instance) -> String {
    instance.world.script("send", [Act::Refuse]);
    let (id, outcome) = instance.run().await;
    assert!(matches!(outcome, Outcome::Parked), "{outcome:?}");
    id
}

async fn spoil(instance: &Instance, change: &'static str, id: &str) {
    let mut tx = instance.store.begin().await.unwrap();
    let spoilt = sqlx::query(change).bind(id).execute(&mut *tx).await;
    assert_eq!(spoilt.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_moved_before_an_error_is_told_and_what_is_unknown_here_is_left_out() {
    for db in TestDb::all().await {
        let instance = Instance::new(&db).await;
        let unknown = park(&instance).await;
        let good = park(&instance).await;
        let broken = park(&instance).await;
        let rename = "UPDATE saga SET name = 'cruise' WHERE id = $1";
        spoil(&instance, rename, &unknown).await;
        let tear = "UPDATE saga SET context = '{' WHERE id = $1";
        spoil(&instance, tear, &broken).await;
        let (all, mut moved) = (Selection::oldest(10), Vec::new());
        let failed = instance.sagas.redrive(&all, &mut moved).await;
        assert!(failed.is_err(), "{db}");
        assert_eq!(moved, [good.as_str()], "{db}");
        assert!(matches!(instance.wait(&good).await, Outcome::Completed(_)));
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_saga_that_was_let_go_is_overdue_until_somebody_takes_it() {
    for db in TestDb::all().await {
        // Neither the pause nor the lease ends within this test.
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
                .last()
                .is_some_and(|l| l.starts_with("failed"))
        };
        eventually(failed, PATIENCE).await;
        assert_eq!(first.sagas.stats().await.unwrap().overdue_ms, 0, "{db}");
        let world = Arc::clone(&first.world);
        first.stop().await;

        let trial = Instance::on_trial(&db, Arc::clone(&world)).await;
        let late = || async {
            let stats = trial.sagas.stats().await.unwrap();
            (1..3_600_000).contains(&stats.overdue_ms)
        };
        eventually(late, PATIENCE).await;
        let second = Instance::with(&db, world, |_| {}).await;
        assert!(matches!(second.wait(&id).await, Outcome::Completed(_)));
        assert_eq!(second.sagas.stats().await.unwrap().overdue_ms, 0, "{db}");
        trial.stop().await;
        second.stop().await;
    }
}
