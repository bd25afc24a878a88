//! A statement ends when the request that wants it does, at the server too.

use std::time::Duration;

use shoal_context::{Context, Metadata};
use shoal_error::{CommonCode, Error, Result};
use shoal_store::{DatabaseConfig, Dialect, SqlResultExt as _, Store};
use shoal_testkit::{TestDb, eventually};
use tokio::time::Instant;

use super::tables::{pieces, shop_store};

/// Takes minutes on either engine unless ended.
fn endless(store: &Store) -> &'static str {
    match store.dialect() {
        Dialect::Postgres => "SELECT CAST(pg_sleep(300) AS TEXT) /* endless */",
        Dialect::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000000) \
             SELECT COUNT(*) FROM n"
        }
    }
}

async fn run_endless(store: &Store) -> Result<()> {
    let mut conn = store.read().await?;
    sqlx::query(endless(store))
        .fetch_all(&mut *conn)
        .await
        .db()?;
    Ok(())
}

/// Whether the server is still at it; on SQLite there is no server to ask.
async fn runs_at_server(store: &Store) -> bool {
    if store.dialect() == Dialect::Sqlite {
        return false;
    }
    let mut conn = store.read().await.unwrap();
    let running: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' \
         AND query LIKE '%/* endless */%' AND datname = current_database() \
         AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    running > 0
}

async fn ends_at_server(store: &Store) {
    eventually(
        || async { !runs_at_server(store).await },
        Duration::from_secs(5),
    )
    .await;
}

/// Bounded by two connections, one of which the server is asked with.
async fn small_store(db: &TestDb) -> Store {
    shop_store(db).await;
    let config = DatabaseConfig {
        max_connections: 2,
        ..db.config()
    };
    Store::open("shop", &config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_statement_ends_with_its_deadline() {
    for db in TestDb::all().await {
        let store = small_store(&db).await;
        let start = Instant::now();
        let context = Context::new(Metadata::default(), Some(Duration::from_millis(200)));
        // Attached, not scoped: the store itself has to notice the deadline.
        let error = context.attach(run_endless(&store)).await.unwrap_err();
        assert!(error.is(CommonCode::DeadlineExceeded), "{db}: {error:?}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{db}: {:?}",
            start.elapsed()
        );
        ends_at_server(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_when_the_caller_goes_away() {
    for db in TestDb::all().await {
        let store = small_store(&db).await;
        let context = Context::background();
        let running = {
            let (store, context) = (store.clone(), context.clone());
            tokio::spawn(async move { context.attach(run_endless(&store)).await })
        };
        if db.dialect() == Dialect::Postgres {
            eventually(|| runs_at_server(&store), Duration::from_secs(5)).await;
        }
        context.cancel();
        let error = running.await.unwrap().unwrap_err();
        assert!(error.is(CommonCode::Cancelled), "{db}: {error:?}");
        ends_at_server(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_statement_ends_at_the_server() {
    let db = TestDb::postgres().await;
    let store = small_store(&db).await;
    let running = {
        let store = store.clone();
        tokio::spawn(async move { run_endless(&store).await })
    };
    eventually(|| runs_at_server(&store), Duration::from_secs(5)).await;
    running.abort();
    ends_at_server(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_ended_statements_serve_again() {
    for db in TestDb::all().await {
        let store = small_store(&db).await;
        for _ in 0..6 {
            let context = Context::new(Metadata::default(), Some(Duration::from_millis(50)));
            context.attach(run_endless(&store)).await.unwrap_err();
        }
        let both = [store.read().await.unwrap(), store.read().await.unwrap()];
        for mut conn in both {
            let one: i64 = sqlx::query_scalar("SELECT CAST(1 AS BIGINT)")
                .fetch_one(&mut *conn)
                .await
                .unwrap();
            assert_eq!(one, 1, "{db}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_transaction_leaves_nothing_and_cannot_go_on() {
    for db in TestDb::all().await {
        let store = small_store(&db).await;
        let outcome = async {
            let mut tx = store.begin().await?;
            let set = "UPDATE stock SET pieces = 1 WHERE product_id = 'prd_1'";
            sqlx::query(set).execute(&mut *tx).await.db()?;
            let context = Context::new(Metadata::default(), Some(Duration::from_millis(100)));
            let late = async {
                let late = sqlx::query(endless(&store)).fetch_all(&mut *tx).await.db();
                assert!(late.err().unwrap().is(CommonCode::DeadlineExceeded), "{db}");
                Ok::<_, Error>(())
            };
            context.attach(late).await?;
            assert!(sqlx::query(set).execute(&mut *tx).await.is_err(), "{db}");
            tx.commit().await
        };
        assert!(outcome.await.is_err(), "{db}");
        assert_eq!(pieces(&store, "prd_1").await, 10, "{db}");
        let mut tx = store.begin().await.unwrap();
        sqlx::query("UPDATE stock SET pieces = 2")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(pieces(&store, "prd_1").await, 2, "{db}");
    }
}

#[tokio::test]
async fn a_request_that_is_over_starts_no_statement() {
    for db in TestDb::all().await {
        let store = small_store(&db).await;
        let mut tx = store.begin().await.unwrap();
        let context = Context::background();
        context.cancel();
        let error = context
            .attach(sqlx::query("UPDATE stock SET pieces = 1").execute(&mut *tx))
            .await
            .db()
            .unwrap_err();
        assert!(error.is(CommonCode::Cancelled), "{db}: {error:?}");
        assert!(context.attach(store.read()).await.is_err(), "{db}");
    }
}

#[tokio::test]
async fn a_statement_over_the_servers_own_limit_is_ended() {
    let db = TestDb::postgres().await;
    let config = DatabaseConfig {
        statement_timeout_ms: 100,
        ..db.config()
    };
    let store = Store::open("shop", &config).await.unwrap();
    let error = run_endless(&store).await.unwrap_err();
    assert!(error.is(CommonCode::DeadlineExceeded), "{error:?}");
}
