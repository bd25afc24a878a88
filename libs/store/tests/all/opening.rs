//! Databases that are not there, or not as the URL says.

use std::time::Duration;

use shoal_error::CommonCode;
use shoal_store::{DatabaseConfig, Store};
use shoal_testkit::{Postgres, TestDb, eventually};

async fn refusal(url: &str) -> shoal_error::Error {
    Store::open("shop", &DatabaseConfig::at(url))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() {
    let error = refusal("postgres://bob:s3cret@127.0.0.1:1/shop").await;
    assert!(error.is(CommonCode::Unavailable), "{error:?}");
    let all = format!("{error:?} {error} {}", error.report());
    assert!(all.contains("postgres://127.0.0.1:1/shop"), "{all}");
    assert!(!all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named() {
    let error = refusal(&Postgres::shared().url("nowhere")).await;
    assert!(
        error.report().contains("\"nowhere\" does not exist"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_url_of_neither_engine_is_refused() {
    for url in [
        "mysql://h/d",
        "sqlite:",
        "sqlite::memory:",
        "postgres://h:notaport/d",
        "",
    ] {
        let error = refusal(url).await;
        assert!(error.is(CommonCode::InvalidField), "{url}: {error:?}");
        assert!(
            error.message().contains("postgres://user:password@host"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let error = refusal("sqlite:/proc/nothing/here").await;
    assert!(error.is(CommonCode::Unavailable), "{error:?}");
    assert!(
        error.report().contains("/proc/nothing/here/shop.db"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_name_that_could_be_sql_is_no_service() {
    let db = TestDb::sqlite();
    for name in ["", "a\"b", "Order", "a b", "1a", "../x"] {
        assert!(Store::open(name, &db.config()).await.is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_recovers_when_its_server_comes_back() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let store = Store::open("shop", &DatabaseConfig::at(server.url("postgres")))
        .await
        .unwrap();
    store.ping().await.unwrap();
    tokio::task::block_in_place(|| server.stop());
    let error = store.ping().await.unwrap_err();
    assert!(error.is(CommonCode::Unavailable), "{error:?}");
    tokio::task::block_in_place(|| server.restart());
    // Open connections are dead, and writers do not notice.
    for _ in 0..3 {
        store.begin().await.unwrap();
    }
    eventually(|| store.ping(), Duration::from_secs(10)).await;
}
