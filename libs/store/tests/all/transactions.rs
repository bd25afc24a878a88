//! Reading, writing, rolling back.

use std::time::Duration;

use shoal_error::CommonCode;
use shoal_store::{DatabaseConfig, SqlResultExt as _, Store};
use shoal_telemetry::{Telemetry, TraceStore, current_trace_id};
use shoal_testkit::{TestDb, eventually};
use sqlx::Row as _;
use tracing::Instrument as _;

use super::tables::{pieces, shop_store};

async fn set(tx: &mut shoal_store::Conn, pieces: i64) -> shoal_error::Result<()> {
    sqlx::query("UPDATE stock SET pieces = $1 WHERE product_id = 'prd_1'")
        .bind(pieces)
        .execute(tx)
        .await
        .db()?;
    Ok(())
}

#[tokio::test]
async fn what_is_committed_is_seen_by_others() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut tx = store.begin().await.unwrap();
        set(&mut tx, 3).await.unwrap();
        assert_eq!(pieces(&store, "prd_1").await, 10, "{db}");
        tx.commit().await.unwrap();
        assert_eq!(pieces(&store, "prd_1").await, 3, "{db}");
    }
}

#[tokio::test]
async fn what_is_dropped_is_rolled_back_and_frees_its_connection() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        for _ in 0..50 {
            let mut tx = store.begin().await.unwrap();
            set(&mut tx, 3).await.unwrap();
            drop(tx);
        }
        assert_eq!(pieces(&store, "prd_1").await, 10, "{db}");
        let mut tx = store.begin().await.unwrap();
        set(&mut tx, 4).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(pieces(&store, "prd_1").await, 4, "{db}");
    }
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_cannot_be_committed() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut tx = store.begin().await.unwrap();
        set(&mut tx, 3).await.unwrap();
        set(&mut tx, -1).await.unwrap_err();
        assert!(
            tx.commit().await.unwrap_err().is(CommonCode::Internal),
            "{db}"
        );
        assert_eq!(pieces(&store, "prd_1").await, 10, "{db}");
    }
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut conn = store.read().await.unwrap();
        let row = sqlx::query(
            "SELECT $1 AS text, CAST($2 AS BIGINT) AS big, CAST($3 AS TEXT) AS none, \
             COUNT(*) AS n, CAST(SUM(pieces) AS BIGINT) AS total FROM stock",
        )
        .bind("ä \u{1f41f} ' \" \\")
        .bind(i64::MIN)
        .bind(None::<String>)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        assert_eq!(row.get::<String, _>("text"), "ä \u{1f41f} ' \" \\", "{db}");
        assert_eq!(row.get::<i64, _>("big"), i64::MIN, "{db}");
        assert_eq!(row.get::<Option<String>, _>("none"), None, "{db}");
        assert_eq!(row.get::<i64, _>("n"), 2, "{db}");
        assert_eq!(row.get::<i64, _>("total"), 20, "{db}");
    }
}

#[tokio::test]
async fn a_reader_of_sqlite_cannot_write() {
    let db = TestDb::sqlite();
    let store = shop_store(&db).await;
    let mut conn = store.read().await.unwrap();
    assert!(set(&mut conn, 1).await.is_err());
}

#[tokio::test]
async fn a_row_that_is_not_there_is_not_found() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut conn = store.read().await.unwrap();
        let error = sqlx::query("SELECT * FROM products WHERE id = 'prd_9'")
            .fetch_one(&mut *conn)
            .await
            .db()
            .err()
            .unwrap();
        assert!(error.is(CommonCode::NotFound), "{db}: {error:?}");
    }
}

#[tokio::test]
async fn a_caller_waits_for_a_connection_only_so_long() {
    for db in TestDb::all().await {
        let config = DatabaseConfig {
            max_connections: 1,
            acquire_timeout_ms: 500,
            ..db.config()
        };
        let store = Store::open("shop", &config).await.unwrap();
        let held = store.read().await.unwrap();
        let error = store.read().await.unwrap_err();
        assert!(error.is(CommonCode::Overloaded), "{db}: {error:?}");
        assert!(error.retry_after().is_some());
        drop(held);
        // Its way back to the pool is not ours to time.
        shoal_testkit::eventually(|| store.read(), std::time::Duration::from_secs(30)).await;
    }
}

#[tokio::test]
async fn each_service_sees_its_own_tables_only() {
    for db in TestDb::all().await {
        shop_store(&db).await;
        let other = Store::open("order", &db.config()).await.unwrap();
        let mut conn = other.read().await.unwrap();
        let found = sqlx::query("SELECT * FROM products")
            .fetch_all(&mut *conn)
            .await;
        assert!(found.is_err(), "{db}");
    }
}

#[tokio::test]
async fn a_statement_is_a_span_of_the_engine_it_runs_on() {
    Telemetry::init_for_tests();
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let request = async {
            let mut conn = store.read().await.unwrap();
            sqlx::query("SELECT id FROM products WHERE name = $1")
                .bind("a-secret-name")
                .fetch_all(&mut *conn)
                .await
                .unwrap();
            current_trace_id().unwrap()
        };
        let trace = request.instrument(tracing::info_span!("request")).await;
        let recorded = || async {
            let spans = TraceStore::global().get(&trace);
            spans
                .into_iter()
                .find(|span| span.name == "SELECT products")
        };
        let span = eventually(recorded, Duration::from_secs(10)).await;
        let attribute = |name: &str| {
            let found = span.attributes.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(span.kind, "client", "{db}");
        assert_eq!(attribute("db.system.name"), Some(db.dialect().as_str()));
        assert_eq!(attribute("db.namespace"), Some("shop"), "{db}");
        let text = attribute("db.query.text");
        assert_eq!(
            text,
            Some("SELECT id FROM products WHERE name = $1"),
            "{db}"
        );
        assert!(
            !format!("{span:?}").contains("a-secret-name"),
            "{db}: {span:?}"
        );
    }
}
