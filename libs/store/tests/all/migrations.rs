//! Migrations that work, that don't, and that meet.

use futures::future::join_all;
use shoal_store::{Migrations, Store};
use shoal_testkit::TestDb;

use super::tables::{migrator, steps};

const ONE: &str = "CREATE TABLE one (id TEXT NOT NULL PRIMARY KEY);";

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    for db in TestDb::all().await {
        let store = db.store("shop", steps(&[(1, ONE)])).await;
        store.migrate(steps(&[(1, ONE)])).await.unwrap();
        store
            .migrate(steps(&[(1, ONE), (2, "CREATE TABLE two (id TEXT);")]))
            .await
            .unwrap();
        let mut conn = store.read().await.unwrap();
        sqlx::query("SELECT * FROM one, two, outbox, inbox")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn sets_number_their_files_for_themselves() {
    for db in TestDb::all().await {
        let two = "CREATE TABLE two (id TEXT);";
        let lib = Migrations::new("lib", migrator(&[(1, two)]), migrator(&[(1, two)]));
        let store = db.store("shop", steps(&[(1, ONE)]).with(lib)).await;
        let mut conn = store.read().await.unwrap();
        sqlx::query("SELECT * FROM one, two")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_together_do_not_collide() {
    for db in TestDb::all().await {
        let config = db.config();
        let starts = (0..6).map(|_| {
            let config = config.clone();
            tokio::spawn(async move {
                let store = Store::open("shop", &config).await?;
                store
                    .migrate(steps(&[(1, ONE), (2, "CREATE TABLE two (id TEXT);")]))
                    .await
            })
        });
        for outcome in join_all(starts).await {
            outcome.unwrap().unwrap_or_else(|e| panic!("{db}: {e:?}"));
        }
    }
}

#[tokio::test]
async fn a_broken_migration_is_named_and_leaves_nothing() {
    for db in TestDb::all().await {
        let store = Store::open("shop", &db.config()).await.unwrap();
        let broken = [
            (1, ONE),
            (
                2,
                "CREATE TABLE two (id TEXT); CREATE TABEL three (id TEXT);",
            ),
        ];
        let error = store.migrate(steps(&broken)).await.unwrap_err();
        let sentence = error.message();
        assert!(sentence.starts_with("The shop database at "), "{sentence}");
        assert!(
            sentence.contains("migration 2 of \"shop\" failed"),
            "{sentence}"
        );
        assert!(sentence.contains("TABEL"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        store
            .migrate(steps(&[(1, ONE), (2, "CREATE TABLE two (id TEXT);")]))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    for db in TestDb::all().await {
        let store = db.store("shop", steps(&[(1, ONE)])).await;
        let error = store
            .migrate(steps(&[(1, "CREATE TABLE uno (id TEXT);")]))
            .await
            .unwrap_err();
        assert!(
            error
                .message()
                .contains("was changed after it had been applied"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_program_older_than_its_database_says_so() {
    for db in TestDb::all().await {
        let store = db
            .store(
                "shop",
                steps(&[(1, ONE), (2, "CREATE TABLE two (id TEXT);")]),
            )
            .await;
        let error = store.migrate(steps(&[(1, ONE)])).await.unwrap_err();
        assert!(
            error.message().contains("older than the database"),
            "{error}"
        );
    }
}
