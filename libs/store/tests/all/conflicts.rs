//! Many at once: nothing is lost, nothing goes below zero.

use futures::future::join_all;
use shoal_error::{CommonCode, Error, Result};
use shoal_store::{Isolation, SqlResultExt as _, Store, Tx};
use shoal_testkit::TestDb;

use super::tables::{pieces, shop_store};

async fn take_one(tx: &mut Tx) -> Result<()> {
    sqlx::query("UPDATE stock SET pieces = pieces - 1 WHERE product_id = 'prd_1'")
        .execute(&mut **tx)
        .await
        .on_constraint("stock_not_negative", || {
            Error::new(CommonCode::Conflict, "none left")
        })
        .db()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stock_never_goes_below_zero() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let tries = (0..40).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .transaction(|tx| Box::pin(async move { take_one(tx).await }))
                    .await
            })
        });
        let outcomes = join_all(tries).await;
        let taken = outcomes
            .iter()
            .filter(|o| o.as_ref().unwrap().is_ok())
            .count();
        assert_eq!(taken, 10, "{db}");
        assert_eq!(pieces(&store, "prd_1").await, 0, "{db}");
    }
}

/// Reads, thinks, writes: wrong without isolation, conflicting with it.
async fn read_then_write(store: &Store) -> Result<()> {
    store
        .transaction_with(Isolation::Serializable, |tx| {
            Box::pin(async move {
                let left: i64 =
                    sqlx::query_scalar("SELECT pieces FROM stock WHERE product_id = 'prd_1'")
                        .fetch_one(&mut **tx)
                        .await
                        .db()?;
                tokio::task::yield_now().await;
                sqlx::query("UPDATE stock SET pieces = $1 WHERE product_id = 'prd_1'")
                    .bind(left + 1)
                    .execute(&mut **tx)
                    .await
                    .db()?;
                Ok(())
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_that_lose_a_conflict_are_run_again() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut done = 0;
        for _ in 0..5 {
            let both = join_all((0..4).map(|_| read_then_write(&store))).await;
            done += both.iter().filter(|outcome| outcome.is_ok()).count();
        }
        assert!(done > 10, "{db}: only {done} of 20 went through");
        assert_eq!(
            pieces(&store, "prd_1").await,
            10 + i64::try_from(done).unwrap(),
            "{db}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_run_again_too() {
    let db = TestDb::postgres().await;
    let store = shop_store(&db).await;
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let work = |first: &'static str, second: &'static str| {
        let (store, barrier) = (store.clone(), barrier.clone());
        tokio::spawn(async move {
            let mut waited = false;
            store
                .transaction(move |tx| {
                    let wait = (!std::mem::replace(&mut waited, true)).then(|| barrier.clone());
                    Box::pin(async move {
                        add(tx, first).await?;
                        if let Some(barrier) = wait {
                            barrier.wait().await;
                        }
                        add(tx, second).await
                    })
                })
                .await
        })
    };
    let (a, b) = tokio::join!(work("prd_1", "prd_2"), work("prd_2", "prd_1"));
    a.unwrap().unwrap();
    b.unwrap().unwrap();
    assert_eq!(pieces(&store, "prd_1").await, 12);
    assert_eq!(pieces(&store, "prd_2").await, 12);
}

async fn add(tx: &mut Tx, product: &'static str) -> Result<()> {
    sqlx::query("UPDATE stock SET pieces = pieces + 1 WHERE product_id = $1")
        .bind(product)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}
